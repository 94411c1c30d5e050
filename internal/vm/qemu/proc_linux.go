package qemu

import "syscall"

// procAttr keeps the child out of reach of the terminal's Ctrl-C, if it is to
// have a process group of its own, and ends it if this process is killed.
func procAttr(ownGroup bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: ownGroup, Pdeathsig: syscall.SIGTERM}
}
