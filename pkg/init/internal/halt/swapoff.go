package halt

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// swapoffCall is swapoff(2), for which there is no function in x/sys.
func swapoffCall(name *byte) error {
	if _, _, errno := unix.Syscall(unix.SYS_SWAPOFF, uintptr(unsafe.Pointer(name)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
