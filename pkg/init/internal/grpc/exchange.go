package grpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
)

// exchange is a call under way.
type exchange struct {
	*Conn
	id      uint32
	window  int64  // what may be sent on the stream
	block   []byte // of headers, not complete yet
	last    bool   // the block ends the stream
	body    []byte
	status  *Status
	settled bool // a status was received
	ended   bool
}

// receive handles one frame.
func (e *exchange) receive() error {
	f, err := e.read.next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	switch f.kind {
	case frameSettings:
		return e.settings(f)
	case framePing:
		if f.flags&flagAck != 0 {
			return nil
		}
		return e.reply(framePing, f.payload)
	case frameWindowUpdate:
		return e.widen(f)
	case frameGoAway:
		return errors.New("the server closes the connection")
	case frameHeaders, frameContinuation:
		return e.headers(f)
	}
	if f.stream != e.id {
		return nil // left over from a call that timed out
	}
	switch f.kind {
	case frameReset:
		return errors.New("the server has reset the call")
	case frameData:
		return e.data(f)
	}
	return nil
}

func (e *exchange) reply(kind byte, payload []byte) error {
	_, err := e.file.Write(appendFrame(nil, kind, flagAck, 0, payload))
	return err
}

func (e *exchange) settings(f frame) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	for b := f.payload; len(b) >= 6; b = b[6:] {
		value := binary.BigEndian.Uint32(b[2:])
		switch binary.BigEndian.Uint16(b) {
		case settingWindow:
			e.window += int64(value) - e.initial
			e.initial = int64(value)
		case settingFrame:
			e.frame = int(min(max(value, defaultFrame), 1<<20))
		}
	}
	return e.reply(frameSettings, nil)
}

func (e *exchange) widen(f frame) error {
	if len(f.payload) != 4 {
		return io.ErrUnexpectedEOF
	}
	n := int64(binary.BigEndian.Uint32(f.payload) & (1<<31 - 1))
	switch f.stream {
	case 0:
		e.Conn.window += n
	case e.id:
		e.window += n
	}
	return nil
}

func (e *exchange) data(f frame) error {
	b, err := f.content()
	if err != nil {
		return err
	}
	if len(e.body)+len(b) > maxMessage {
		return fmt.Errorf("answer of more than %d bytes", maxMessage)
	}
	e.body = append(e.body, b...)
	e.ended = f.flags&flagEndStream != 0
	return nil
}

// headers decodes every block, to keep the decoder in step, and uses those of
// this call.
func (e *exchange) headers(f frame) error {
	b := f.payload
	if f.kind == frameHeaders {
		var err error
		if b, err = f.content(); err != nil {
			return err
		}
		e.block, e.last = nil, f.flags&flagEndStream != 0
	}
	if e.block = append(e.block, b...); len(e.block) > maxMessage {
		return fmt.Errorf("header of more than %d bytes", maxMessage)
	}
	if f.flags&flagEndHeaders == 0 {
		return nil
	}
	fields, err := e.decoder.DecodeFull(e.block)
	if err != nil || f.stream != e.id {
		return err
	}
	values := map[string]string{}
	for _, field := range fields {
		values[field.Name] = field.Value
	}
	e.ended = e.last
	return e.take(values)
}

// take reads the status of HTTP and of the call.
func (e *exchange) take(values map[string]string) error {
	if code, ok := values[":status"]; ok && code != "200" {
		return fmt.Errorf("the server answers with HTTP status %s", code)
	}
	text, ok := values["grpc-status"]
	if !ok {
		return nil
	}
	code, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("status %q is no number", text)
	}
	if e.settled = true; code != 0 {
		message, err := url.PathUnescape(values["grpc-message"])
		if err != nil {
			message = values["grpc-message"]
		}
		e.status = &Status{Code: code, Message: message}
	}
	return nil
}
