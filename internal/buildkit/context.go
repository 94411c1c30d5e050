package buildkit

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// writeContext writes the build context as a tar. Like git it knows two modes
// of files and neither owners nor times, so that equal sources are equal
// wherever they are checked out.
func writeContext(ctx context.Context, w io.Writer, r Request) error {
	b := bufio.NewWriterSize(w, 1<<20)
	t := &contextTar{ctx: ctx, tar: tar.NewWriter(b), time: r.Time}
	for _, s := range append([]Source{{r.Dir, "/"}}, r.Sources...) {
		if err := t.add(s); err != nil {
			return fmt.Errorf("send the build context %s: %w", s.File, err)
		}
	}
	if err := t.tar.Close(); err != nil {
		return err
	}
	return b.Flush()
}

type contextTar struct {
	ctx  context.Context
	tar  *tar.Writer
	time time.Time
}

func (t *contextTar) add(s Source) error {
	return filepath.WalkDir(s.File, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := t.ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(s.File, file)
		if err != nil {
			return err
		}
		return t.entry(path.Join("/", s.Destination, filepath.ToSlash(rel)), file, d)
	})
}

func (t *contextTar) entry(name, file string, d fs.DirEntry) error {
	h := &tar.Header{Name: name, ModTime: t.time, Mode: 0o755}
	switch d.Type() {
	case fs.ModeDir:
		h.Typeflag = tar.TypeDir
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, filepath.ToSlash(target), 0o777
	case 0:
		return t.file(h, file)
	default:
		return fmt.Errorf("%s is neither a file, a directory nor a symbolic link", file)
	}
	return t.tar.WriteHeader(h)
}

func (t *contextTar) file(h *tar.Header, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if info.Mode()&0o100 == 0 {
		h.Mode = 0o644
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.Copy(t.tar, io.LimitReader(f, h.Size))
	if err == nil && n < h.Size {
		err = fmt.Errorf("%s shrank while it was read", file)
	}
	return err
}
