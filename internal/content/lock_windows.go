package content

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// canRenameOpen says that a file may be renamed while it is open.
const canRenameOpen = false

// tryRecordLock locks all of f. Taking it again changes its kind.
func tryRecordLock(f *os.File, exclusive bool) (bool, error) {
	_ = windows.UnlockFileEx(windows.Handle(f.Fd()), 0, math.MaxUint32, math.MaxUint32, new(windows.Overlapped))
	var flags uint32 = windows.LOCKFILE_FAIL_IMMEDIATELY
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, math.MaxUint32, math.MaxUint32, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// tryFileLock always succeeds: an open file cannot be removed, which protects
// it just as well.
func tryFileLock(*os.File) (bool, error) { return true, nil }

// removeLocked removes a file unless some process has it open.
func removeLocked(f *os.File) error {
	f.Close()
	return os.Remove(f.Name())
}

// syncDir does nothing: the file system keeps a journal of names.
func syncDir(string) error { return nil }
