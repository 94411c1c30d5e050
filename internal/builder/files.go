package builder

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// filesLayer copies a tree of the package directory.
func (j *job) filesLayer(ctx context.Context, f *Files) (*stored, error) {
	root, err := os.OpenRoot(j.recipe.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sub, err := root.OpenRoot(filepath.FromSlash(path.Clean(f.Path)))
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", f.Path, err)
	}
	defer sub.Close()
	t := newTree()
	defer t.Close()
	if err := t.addDir(ctx, sub, j.below.links); err != nil {
		return nil, err
	}
	return j.write(ctx, t)
}

// addDir adds everything below root. Nothing outside is reached: os.Root
// refuses to follow links out of it, and links are stored as links.
func (t *tree) addDir(ctx context.Context, root *os.Root, links map[string]string) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := hostNode(root, name, d)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		inImage := follow(name, links)
		if n.typeflag == tar.TypeDir && links[name] != "" {
			return nil
		}
		t.add(inImage, n)
		return nil
	})
}

func hostNode(root *os.Root, name string, d fs.DirEntry) (*node, error) {
	switch d.Type() {
	case fs.ModeDir:
		return directory(0o755), nil
	case fs.ModeSymlink:
		target, err := root.Readlink(name)
		return symlink(filepath.ToSlash(target)), err
	case 0:
		info, err := d.Info()
		if err != nil {
			return nil, err
		}
		return &node{typeflag: tar.TypeReg, mode: gitMode(info.Mode()), size: info.Size(), open: func() (io.ReadCloser, error) {
			return root.Open(name)
		}}, nil
	default:
		return nil, fmt.Errorf("it is neither a file, a directory nor a symbolic link")
	}
}

// gitMode reduces a mode to what git keeps of it.
func gitMode(m fs.FileMode) int64 {
	if m&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

// follow returns name with its first part replaced, if that is one of links:
// /sbin/x is /usr/sbin/x when a lower layer has a link from sbin to usr/sbin.
func follow(name string, links map[string]string) string {
	first, rest, more := strings.Cut(name, "/")
	if target := links[first]; target != "" && more {
		return target + "/" + rest
	}
	return name
}
