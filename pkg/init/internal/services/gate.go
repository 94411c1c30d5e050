package services

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errClosed means that the system goes down, so that nothing is started.
var errClosed = errors.New("the system goes down")

// gate is a file that keeps services from being started while all are ended:
// one that is half started would be torn down with containerd. It is closed
// once it has content.
type gate string

// enter opens the gate for the start of one service, which lasts until leave is
// called. The error is [errClosed], or that of a system without such a file, on
// which the gate stands open.
func (g gate) enter() (leave func(), err error) {
	f, err := g.open()
	if err != nil {
		return func() {}, err
	}
	leave = func() { _ = f.Close() }
	locked := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	info, err := f.Stat()
	if errors.Is(locked, unix.EWOULDBLOCK) || err == nil && info.Size() > 0 {
		leave()
		return func() {}, errClosed
	}
	return leave, nil
}

// close closes the gate for good and waits until what is being started has
// been, but no longer than patience.
func (g gate) close(patience time.Duration) error {
	f, err := g.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("closed\n"); err != nil {
		return fmt.Errorf("keep services from being started: %w", err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a service was not started within %s", patience)
		}
	}
}

func (g gate) open() (*os.File, error) {
	if g == "" {
		return nil, fs.ErrNotExist
	}
	return os.OpenFile(string(g), os.O_CREATE|os.O_RDWR, 0o600)
}
