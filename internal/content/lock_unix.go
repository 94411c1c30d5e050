//go:build unix

package content

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// canRenameOpen says that a file may be renamed while it is open.
const canRenameOpen = true

// tryRecordLock takes a POSIX record lock on all of f. It belongs to the
// process and goes when the process closes any handle of the file.
func tryRecordLock(f *os.File, exclusive bool) (bool, error) {
	kind := int16(unix.F_RDLCK)
	if exclusive {
		kind = unix.F_WRLCK
	}
	lock := unix.Flock_t{Type: kind, Whence: io.SeekStart}
	err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock)
	return taken(err)
}

// tryFileLock takes an exclusive lock that belongs to this handle of f.
func tryFileLock(f *os.File) (bool, error) {
	return taken(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

func taken(err error) (bool, error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINTR):
		return false, nil
	default:
		return false, err
	}
}

// removeLocked removes a file that the caller has locked.
func removeLocked(f *os.File) error {
	err := os.Remove(f.Name())
	f.Close()
	return err
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}
