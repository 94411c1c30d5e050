package fsimagetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"golang.org/x/sys/unix"
)

// Read returns what is in a directory.
func Read(dir string) (map[string]Record, error) {
	tree := map[string]Record{}
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		e, st, err := stat(p)
		if err != nil {
			return err
		}
		r := record(File{Entry: e}, 1)
		r.Size, r.Sum = e.Size, ""
		if e.Mode&fsimage.TypeMask == fsimage.TypeRegular {
			r.Sum, err = sum(p)
		}
		if e.Mode&fsimage.TypeMask != fsimage.TypeDir {
			if first[st.Ino] == "" {
				first[st.Ino] = name
			}
			r.Links, r.First = uint32(st.Nlink), first[st.Ino]
		}
		tree[name] = r
		return err
	})
	return tree, err
}

func sum(p string) (string, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

// stat returns the file as an entry without path.
func stat(p string) (fsimage.Entry, unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		return fsimage.Entry{}, st, fmt.Errorf("stat %s: %w", p, err)
	}
	e := fsimage.Entry{Mode: st.Mode, UID: st.Uid, GID: st.Gid, ModTime: time.Unix(st.Mtim.Unix())}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Size = st.Size
	case unix.S_IFLNK:
		e.Linkname, err = os.Readlink(p)
	case unix.S_IFCHR, unix.S_IFBLK:
		e.Major, e.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	}
	if err == nil {
		e.Xattrs, err = xattrs(p)
	}
	return e, st, err
}

func xattrs(p string) (map[string]string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(p, list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil // what a squashfs without any attributes says
	}
	if err != nil || n == 0 {
		return nil, err
	}
	attrs := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(p, name, value)
		if err != nil {
			return nil, fmt.Errorf("read attribute %s of %s: %w", name, p, err)
		}
		attrs[name] = string(value[:n])
	}
	return attrs, nil
}

// Walk gives the files below root to add, in the order of their paths.
func Walk(root string, add func(e fsimage.Entry, content io.Reader) error) error {
	first := map[uint64]string{}
	return filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		e, st, err := stat(p)
		if err != nil {
			return err
		}
		if e.Path, err = filepath.Rel(root, p); err != nil {
			return err
		}
		if e.Mode&fsimage.TypeMask != fsimage.TypeRegular {
			return add(e, nil)
		}
		if e.HardLink = first[st.Ino]; e.HardLink != "" {
			return add(e, nil)
		}
		first[st.Ino] = e.Path
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		return add(e, f)
	})
}
