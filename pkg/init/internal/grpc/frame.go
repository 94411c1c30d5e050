package grpc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/net/http2/hpack"
)

// Frames and their flags, of RFC 9113.
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingPush   = 2
	settingWindow = 4
	settingFrame  = 5
)

func setting(b []byte, id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, id), value)
}

func appendFrame(b []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	b = append(b, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// encodeHeaders encodes the header of a request. The table of names that the
// server keeps is not used, so that there is nothing to keep in step.
func encodeHeaders(method string, metadata []Header) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	write := func(name, value string) {
		_ = e.WriteField(hpack.HeaderField{Name: name, Value: value}) // a buffer takes all
	}
	write(":method", "POST")
	write(":scheme", "http")
	write(":path", method)
	write(":authority", "localhost")
	write("content-type", "application/grpc")
	write("te", "trailers")
	for _, h := range metadata {
		write(h.Name, h.Value)
	}
	return b.Bytes()
}

type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

type reader struct{ r *bufio.Reader }

func newReader(r io.Reader) *reader { return &reader{bufio.NewReader(r)} }

// next reads a frame. Servers keep to the size that frames have by default.
func (r *reader) next() (frame, error) {
	var head [9]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return frame{}, err
	}
	size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	if size > defaultFrame {
		return frame{}, fmt.Errorf("frame of %d bytes, more than allowed", size)
	}
	f := frame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:]) & (1<<31 - 1)}
	f.payload = make([]byte, size)
	_, err := io.ReadFull(r.r, f.payload)
	return f, err
}

// content is the payload without padding and priority.
func (f frame) content() ([]byte, error) {
	b, pad := f.payload, 0
	if f.flags&flagPadded != 0 {
		if len(b) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		pad, b = int(b[0]), b[1:]
	}
	if f.kind == frameHeaders && f.flags&flagPriority != 0 {
		if len(b) < 5 {
			return nil, io.ErrUnexpectedEOF
		}
		b = b[5:]
	}
	if pad > len(b) {
		return nil, io.ErrUnexpectedEOF
	}
	return b[:len(b)-pad], nil
}
