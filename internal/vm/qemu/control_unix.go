//go:build unix

package qemu

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// canControl tells whether QEMU can get a control connection.
const canControl = true

// controlPair makes a connection that has no name anywhere: nobody else can
// reach it and no path can be too long for it.
func controlPair() (ours net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("making QEMU's control connection: %w", err)
	}
	own, theirs := os.NewFile(uintptr(fds[0]), "qmp"), os.NewFile(uintptr(fds[1]), "qmp")
	ours, err = net.FileConn(own)
	if err := errors.Join(err, own.Close()); err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("making QEMU's control connection: %w", err)
	}
	return ours, theirs, nil
}
