package treetest

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadDir returns the tree below a directory. Hard links appear as files.
func ReadDir(dir string) (map[string]Row, error) {
	tree := map[string]Row{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		row, err := rowAt(path, name)
		tree[name] = row
		return err
	})
	return tree, err
}

func rowAt(path, name string) (Row, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Row{}, err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return Row{}, err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return Row{}, err
	}
	st := info.Sys().(*syscall.Stat_t)
	h.Name, h.Mode = name, int64(st.Mode)&0o7777
	h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	if h.Typeflag != tar.TypeReg {
		return rowOf(h, strings.NewReader(""))
	}
	f, err := os.Open(path)
	if err != nil {
		return Row{}, err
	}
	defer f.Close()
	return rowOf(h, io.LimitReader(f, h.Size))
}
