// Package uevent listens to what the kernel says about its devices.
package uevent

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLost says that events came faster than they were read, so that some are
// gone: what there is has to be looked at afresh.
var ErrLost = errors.New("events of the kernel were lost")

// Event is one message of the kernel.
type Event struct {
	Action    string // add, remove, change, bind, …
	Path      string // below /sys
	Subsystem string
	Modalias  string // what a driver has to match; often empty
}

// Parse reads a message: a header "action@path" and words KEY=value, each
// ended by a zero byte. It tells whether it was one.
func Parse(message []byte) (Event, bool) {
	header, rest, _ := bytes.Cut(message, zero)
	action, path, ok := bytes.Cut(header, at)
	if !ok || len(action) == 0 || len(path) == 0 || path[0] != '/' {
		return Event{}, false
	}
	e := Event{Action: string(action), Path: string(path)}
	for len(rest) > 0 {
		var word []byte
		word, rest, _ = bytes.Cut(rest, zero)
		key, value, _ := bytes.Cut(word, equals)
		switch string(key) {
		case "SUBSYSTEM":
			e.Subsystem = string(value)
		case "MODALIAS":
			e.Modalias = string(value)
		}
	}
	return e, true
}

var zero, at, equals = []byte{0}, []byte{'@'}, []byte{'='}

// Listener receives events from when it was made.
type Listener struct {
	fd  int
	buf [16 << 10]byte
}

// Listen starts to listen. It needs a kernel with NETLINK_KOBJECT_UEVENT.
func Listen() (*Listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("open a socket for device events: %w", err)
	}
	// Group 1 is what the kernel says; programs use others.
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("listen for device events: %w", err)
	}
	// A limit, taken from memory only as events wait.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	return &Listener{fd: fd}, nil
}

// Next waits for an event.
func (l *Listener) Next() (Event, error) {
	for {
		e, ok, err := l.receive(0)
		if err != nil || ok {
			return e, err
		}
	}
}

// Pending returns an event that is there already. The flag is false when there
// is none.
func (l *Listener) Pending() (Event, bool, error) {
	for {
		e, ok, err := l.receive(unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return Event{}, false, nil
		}
		if err != nil || ok {
			return e, ok, err
		}
	}
}

// Wait waits for an event and tells whether one is there. It comes back after d.
func (l *Listener) Wait(d time.Duration) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}, int(d.Milliseconds()))
	return err == nil && n > 0
}

// receive takes one message; the flag is false when it was not of the kernel.
func (l *Listener) receive(flags int) (Event, bool, error) {
	n, from, err := unix.Recvfrom(l.fd, l.buf[:], flags)
	switch {
	case errors.Is(err, unix.EINTR):
		return Event{}, false, nil
	case errors.Is(err, unix.ENOBUFS):
		return Event{}, false, ErrLost
	case err != nil:
		return Event{}, false, fmt.Errorf("receive a device event: %w", err)
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return Event{}, false, nil
	}
	e, ok := Parse(l.buf[:n])
	return e, ok, nil
}

// Close ends the listening.
func (l *Listener) Close() error { return unix.Close(l.fd) }
