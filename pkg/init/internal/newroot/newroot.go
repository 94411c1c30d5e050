// Package newroot turns the initial root file system into one that containers
// can pivot away from.
//
// The kernel refuses pivot_root(2) on the mount it unpacked the initramfs into.
// Nothing is copied: a second mount of the same files takes its place.
package newroot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	ramfs = 0x858458f6
	tmpfs = 0x01021994
)

// Needed tells whether the root is in memory, so that it came from an
// initramfs. Any other root was mounted by someone and is fine as it is.
func Needed() (bool, error) {
	var s unix.Statfs_t
	if err := unix.Statfs("/", &s); err != nil {
		return false, fmt.Errorf("look at the root: %w", err)
	}
	// The field is signed on some architectures.
	kind := uint32(s.Type)
	return kind == ramfs || kind == tmpfs, nil
}

// at is the directory under which the second mount is made; it is covered for
// a moment only.
const at = "/mnt"

// Switch moves this process to a second mount of the root, put on top of it,
// in which not everybody may write.
func Switch() error {
	if err := os.Mkdir(at, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make a mount point for the root: %w", err)
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"set the mode of the root", func() error { return os.Chmod("/", 0o755) }},
		{"bind the root on " + at, func() error { return unix.Mount("/", at, "", unix.MS_BIND, "") }},
		{"enter " + at, func() error { return unix.Chdir(at) }},
		{"move " + at + " over the root", func() error { return unix.Mount(".", "/", "", unix.MS_MOVE, "") }},
		{"change the root", func() error { return unix.Chroot(".") }},
		{"enter the root", func() error { return unix.Chdir("/") }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}
