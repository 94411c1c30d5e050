package streams

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxName is what the daemon reads of a name.
	maxName = 512
	// dumpTimeout bounds how long a silent daemon can hold up the boot.
	dumpTimeout = 5 * time.Second
)

// daemon is a logging daemon that follows the protocol of memlogd.
type daemon struct{ socket, query, fifos string }

// Open returns one end of a pair of sockets whose other end the daemon reads.
func (d daemon) Open(name string) (*os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	err = d.send(name, pair[1])
	_ = unix.Close(pair[1])
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, err
	}
	return os.NewFile(uintptr(pair[0]), name), nil
}

// Path returns a FIFO, made anew, whose reading end the daemon has.
func (d daemon) Path(name string) (string, error) {
	path := filepath.Join(d.fifos, fileName(name))
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return os.DevNull, err
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return os.DevNull, &os.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	// A reader that opens without blocking does not wait for a writer; the
	// daemon gets it as a plain blocking descriptor. To read end-of-file before
	// there is a writer would end the log, so one is kept until it is sent.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.DevNull, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	return path, d.send(name, fd)
}

// Close has nothing to do: the daemon holds what was written.
func (daemon) Close() error { return nil }

func (d daemon) send(name string, fd int) error {
	if len(name) > maxName {
		return fmt.Errorf("log name %.20q...: longer than %d bytes", name, maxName)
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(s) }()
	if err := unix.Sendmsg(s, []byte(name), unix.UnixRights(fd), &unix.SockaddrUnix{Name: d.socket}, 0); err != nil {
		return fmt.Errorf("hand the log %s to the logging daemon: %w", name, err)
	}
	return nil
}

// Dump asks the daemon for all it has and picks the entries of one source.
func (d daemon) Dump(name string, w io.Writer) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	conn := os.NewFile(uintptr(s), d.query)
	defer func() { _ = conn.Close() }()
	timeout := unix.NsecToTimeval(dumpTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Connect(s, &unix.SockaddrUnix{Name: d.query}); err != nil {
		return fmt.Errorf("ask the logging daemon for the log %s: %w", name, err)
	}
	if _, err := conn.Write([]byte{0}); err != nil {
		return err
	}
	return pick(conn, name, w)
}

// pick copies the messages of one source from a dump, a line each.
func pick(dump io.Reader, name string, w io.Writer) error {
	entries := json.NewDecoder(bufio.NewReader(dump))
	for {
		var entry struct{ Source, Msg string }
		if err := entries.Decode(&entry); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the log %s: %w", name, err)
		}
		if entry.Source != name {
			continue
		}
		if _, err := io.WriteString(w, strings.TrimSuffix(entry.Msg, "\n")+"\n"); err != nil {
			return err
		}
	}
}
