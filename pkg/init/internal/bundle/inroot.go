package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// target is a place in the file system that cannot be exchanged any more.
type target struct {
	file *os.File
	name string
}

// path names the place for system calls that take no descriptor.
func (t target) path() string { return fmt.Sprintf("/proc/self/fd/%d", t.file.Fd()) }

func (t target) close() { _ = t.file.Close() }

// mkdirIn makes a directory and its parents below root and opens it. Links of
// the image are followed as a process with that root would follow them.
func mkdirIn(root, path string) (target, error) {
	return makeIn(root, path, func(dir int, name string) error { return unix.Mkdirat(dir, name, 0o755) })
}

// createIn is mkdirIn for an empty file at the end of the path.
func createIn(root, path string) (target, error) {
	parent, err := mkdirIn(root, filepath.Dir(filepath.Clean("/"+path)))
	if err != nil {
		return target{}, err
	}
	parent.close()
	return makeIn(root, path, func(dir int, name string) error {
		fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	})
}

func makeIn(root, path string, add func(dir int, name string) error) (target, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return target{}, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer func() { _ = unix.Close(dir) }()
	walked := "."
	fd, err := openIn(dir, walked)
	for _, name := range strings.Split(filepath.Clean("/"+path), "/") {
		if err != nil || name == "" {
			continue
		}
		walked += "/" + name
		var next int
		if next, err = openIn(dir, walked); errors.Is(err, unix.ENOENT) {
			if err = add(fd, name); err == nil || errors.Is(err, unix.EEXIST) {
				next, err = openIn(dir, walked)
			}
		}
		_ = unix.Close(fd)
		fd = next
	}
	if err != nil {
		return target{}, fmt.Errorf("make %s in %s: %w", path, root, err)
	}
	return target{os.NewFile(uintptr(fd), path), filepath.Join(root, path)}, nil
}

func openIn(dir int, path string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}
