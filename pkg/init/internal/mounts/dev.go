package mounts

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

type node struct {
	name         string
	major, minor uint32
	mode         uint32
}

var devNodes = []node{
	{"console", 5, 1, 0o600},
	{"tty1", 4, 1, 0o620},
	{"tty", 5, 0, 0o666},
	{"null", 1, 3, 0o666},
	{"kmsg", 1, 11, 0o660},
}

var devLinks = [][2]string{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"kcore", "/proc/kcore"},
}

var devDirs = []dir{{"mqueue", 0o755}, {"shm", 0o1777}, {"pts", 0o755}}

// FillDev adds to root, the directory /dev, what the kernel does not put there
// itself. Nodes that exist are left as they are.
func FillDev(root string) error {
	var failed []error
	for _, n := range devNodes {
		if err := n.make(root); err != nil && !errors.Is(err, os.ErrExist) {
			failed = append(failed, err)
		}
	}
	for _, l := range devLinks {
		if err := os.Symlink(l[1], filepath.Join(root, l[0])); err != nil && !errors.Is(err, os.ErrExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(append(failed, makeDirs(root, devDirs)...)...)
}

func (n node) make(root string) error {
	path := filepath.Join(root, n.name)
	err := unix.Mknod(path, unix.S_IFCHR|n.mode, int(unix.Mkdev(n.major, n.minor)))
	if err == nil {
		err = unix.Chmod(path, n.mode)
	}
	if err != nil {
		return &os.PathError{Op: "make node", Path: path, Err: err}
	}
	return nil
}
