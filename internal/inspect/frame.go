package inspect

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// frame delivers one Zstandard frame and leaves what follows it unread; see RFC
// 8878, section 3.1.1.
type frame struct {
	r *bufio.Reader
	c *countingReader
	// left is what is left of the current part.
	left    int64
	started bool
	last    bool
	sum     bool
	ended   bool
}

func (f *frame) Read(p []byte) (int, error) {
	for f.left == 0 {
		if f.ended {
			return 0, io.EOF
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n, err := f.c.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if err == io.EOF && (f.left > 0 || !f.ended) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next finds out how long the next part is: the header, a block, or the
// checksum at the end.
func (f *frame) next() error {
	switch {
	case !f.started:
		f.started = true
		head, _ := f.r.Peek(zstd.HeaderMaxSize)
		var h zstd.Header
		if err := h.Decode(head); err != nil {
			return fmt.Errorf("%w: frame: %w", ErrFormat, err)
		}
		f.left, f.sum = int64(h.HeaderSize), h.HasCheckSum
	case !f.last:
		return f.block()
	default:
		f.ended = true
		if f.sum {
			f.left = 4
		}
	}
	return nil
}

func (f *frame) block() error {
	head, err := f.r.Peek(3)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	block := binary.LittleEndian.Uint32(append(head[:3:3], 0))
	f.last = block&1 != 0
	size := int64(block >> 3)
	if block>>1&3 == 1 { // a run of one byte
		size = 1
	}
	f.left = 3 + size
	return nil
}
