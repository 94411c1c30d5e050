package content

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback makes the system begin to write a part of f to the disk. It
// is no more than a hint: only Sync makes the part durable.
func startWriteback(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}
