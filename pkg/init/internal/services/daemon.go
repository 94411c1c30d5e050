package services

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/ctrd"
)

// daemon is a running containerd. It outlives this process.
type daemon struct {
	pid, pidfd int
}

// startDaemon starts containerd as the configuration says.
func startDaemon(program string, c daemonConfig) (*daemon, error) {
	stdout, owned, err := open(c.Stdout, os.Stdout)
	if err != nil {
		return nil, fmt.Errorf("open the output of containerd: %w", err)
	}
	if owned {
		defer func() { _ = stdout.Close() }()
	}
	stderr, owned, err := open(c.Stderr, os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("open the output of containerd: %w", err)
	}
	if owned {
		defer func() { _ = stderr.Close() }()
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	d := &daemon{}
	d.pid, err = syscall.ForkExec(program, append([]string{program}, c.args()...), &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), stdout.Fd(), stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &d.pidfd},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot start containerd: %s: %w", program, err)
	}
	return d, nil
}

// connect waits until containerd listens and connects to it. It waits for the
// events that its socket appears or its process ends, and has no limit.
func (d *daemon) connect(socket, namespace string) (*ctrd.Client, error) {
	dir := filepath.Dir(socket)
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	defer func() { _ = unix.Close(watch) }()
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ATTRIB); err != nil {
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	for {
		client, err := ctrd.Dial(socket, namespace)
		if err == nil {
			return client, nil
		}
		limit := -1
		if errors.Is(err, unix.ECONNREFUSED) {
			limit = int((time.Millisecond).Milliseconds()) // bound, about to listen
		}
		if err := d.wait(watch, limit); err != nil {
			return nil, err
		}
	}
}

// wait returns when something happened in the directory of the socket, after
// limit milliseconds, or with an error when containerd has ended.
func (d *daemon) wait(watch, limit int) error {
	fds := []unix.PollFd{
		{Fd: int32(watch), Events: unix.POLLIN},
		{Fd: int32(d.pidfd), Events: unix.POLLIN},
	}
	if _, err := unix.Poll(fds, limit); err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	if fds[1].Revents != 0 {
		return d.ended()
	}
	var events [4096]byte
	for {
		if n, err := unix.Read(watch, events[:]); n <= 0 || err != nil {
			return nil
		}
	}
}

func (d *daemon) ended() error {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(d.pid, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if status.Signaled() {
			return fmt.Errorf("containerd process exited: signal %s", status.Signal())
		}
		return fmt.Errorf("containerd process exited: status %d", status.ExitStatus())
	}
}
