package qemu

import "syscall"

// procAttr keeps the child out of reach of the terminal's Ctrl-C, if it is to
// have a process group of its own.
func procAttr(ownGroup bool) *syscall.SysProcAttr {
	if !ownGroup {
		return nil
	}
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
