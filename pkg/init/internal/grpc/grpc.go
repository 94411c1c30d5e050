// Package grpc makes unary gRPC calls over a unix socket.
//
// It is the small part of HTTP/2 and of the gRPC wire protocol that one call at
// a time needs, because the usual library is four times as large as all the
// rest of the programs here and costs more to start than they do to run. It has
// no streams, no TLS, no compression and no reconnecting. Messages are bytes to
// it.
package grpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"
)

// Status is the answer of a server that refuses a call.
type Status struct {
	// Code is a number of google.golang.org/grpc/codes.
	Code    int
	Message string
}

// Codes of Status that callers test for.
const (
	NotFound           = 5
	AlreadyExists      = 6
	FailedPrecondition = 9
)

func (s *Status) Error() string { return s.Message }

// Is tells whether err is a status with that code.
func Is(err error, code int) bool {
	var s *Status
	return errors.As(err, &s) && s.Code == code
}

// Conn is a connection to a server. It is not safe for concurrent use; after an
// error that is no Status it is of no use any more.
type Conn struct {
	file    *os.File
	read    *reader
	decoder *hpack.Decoder
	stream  uint32
	window  int64 // what may be sent on the connection
	initial int64 // what may be sent on a new stream
	frame   int   // the largest frame that may be sent
}

const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	// maxMessage bounds an answer.
	maxMessage    = 16 << 20
	defaultWindow = 65535
	defaultFrame  = 16384
)

// Dial connects to the unix socket of a server.
func Dial(path string) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for deadlines
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &Conn{file: os.NewFile(uintptr(fd), path), window: defaultWindow, initial: defaultWindow, frame: defaultFrame}
	c.read = newReader(c.file)
	c.decoder = hpack.NewDecoder(4096, nil)
	if err := c.hello(); err != nil {
		c.Close()
		return nil, fmt.Errorf("greet the server at %s: %w", path, err)
	}
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.file.Close() }

// hello sends the preface, and windows that never run out.
func (c *Conn) hello() error {
	settings := setting(nil, settingPush, 0)
	settings = setting(settings, settingWindow, maxMessage)
	b := appendFrame([]byte(preface), frameSettings, 0, 0, settings)
	b = appendFrame(b, frameWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, 1<<31-1-defaultWindow))
	_, err := c.file.Write(b)
	return err
}

// Header is metadata of a call.
type Header struct{ Name, Value string }

// Call sends a request and returns the answer. A timeout of 0 waits for ever. A
// call that timed out has an error that is os.ErrDeadlineExceeded.
func (c *Conn) Call(method string, metadata []Header, request []byte, timeout time.Duration) ([]byte, error) {
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	if err := c.file.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if c.stream == 0 {
		c.stream = 1
	} else {
		c.stream += 2
	}
	e := &exchange{Conn: c, id: c.stream, window: c.initial}
	answer, err := e.run(method, metadata, request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return answer, nil
}

// run is one call.
func (e *exchange) run(method string, metadata []Header, request []byte) ([]byte, error) {
	headers := appendFrame(nil, frameHeaders, flagEndHeaders, e.id, encodeHeaders(method, metadata))
	if _, err := e.file.Write(headers); err != nil {
		return nil, err
	}
	message := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request)))
	if err := e.send(append(message, request...)); err != nil {
		return nil, err
	}
	for !e.ended {
		if err := e.receive(); err != nil {
			return nil, err
		}
	}
	return e.answer()
}

// send writes the message as far as windows allow, and reads until they do.
func (e *exchange) send(b []byte) error {
	for len(b) > 0 && !e.ended {
		n := min(int64(len(b)), int64(e.frame), e.window, e.Conn.window)
		if n <= 0 {
			if err := e.receive(); err != nil {
				return err
			}
			continue
		}
		var flags byte
		if n == int64(len(b)) {
			flags = flagEndStream
		}
		if _, err := e.file.Write(appendFrame(nil, frameData, flags, e.id, b[:n])); err != nil {
			return err
		}
		e.window -= n
		e.Conn.window -= n
		b = b[n:]
	}
	return nil
}

// answer takes the message out of what was received.
func (e *exchange) answer() ([]byte, error) {
	if e.status != nil {
		return nil, e.status
	}
	if !e.settled {
		return nil, errors.New("answer without a status")
	}
	if len(e.body) < 5 {
		return nil, fmt.Errorf("answer without a message: %w", io.ErrUnexpectedEOF)
	}
	if e.body[0] != 0 {
		return nil, errors.New("answer is compressed, which was not asked for")
	}
	if size := binary.BigEndian.Uint32(e.body[1:]); uint64(size) != uint64(len(e.body)-5) {
		return nil, fmt.Errorf("answer of %d bytes holds %d", size, len(e.body)-5)
	}
	return e.body[5:], nil
}
