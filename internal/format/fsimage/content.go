package fsimage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Content is a file's content that has to be as long as its entry says.
type Content struct {
	r    io.Reader
	left int64
}

// NewContent returns the content that r has; a nil r is empty.
func NewContent(r io.Reader, size int64) *Content {
	if r == nil {
		r = bytes.NewReader(nil)
	}
	return &Content{r: r, left: size}
}

// Left is the number of bytes that are still to come.
func (c *Content) Left() int64 { return c.left }

// Fill reads all of p, at most Left bytes. When that is the end of the
// content, the reader has to end there as well. Errors wrap [ErrSize] or are
// those of the reader.
func (c *Content) Fill(p []byte) error {
	n, err := io.ReadFull(c.r, p)
	c.left -= int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the content ends %d bytes early", ErrSize, c.left)
	}
	if err != nil || c.left > 0 {
		return err
	}
	return c.atEnd()
}

func (c *Content) atEnd() error {
	var b [1]byte
	n, err := io.ReadFull(c.r, b[:])
	if n > 0 {
		return fmt.Errorf("%w: the content goes on after its size", ErrSize)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

var zeros [32 << 10]byte

// IsZero tells whether all bytes are zero.
func IsZero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros[:]) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}
