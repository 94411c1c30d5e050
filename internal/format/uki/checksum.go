package uki

import (
	"context"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// checksum returns the checksum of a program whose header has none yet.
func checksum(ctx context.Context, im *disk.Image) (uint32, error) {
	s := &summer{}
	if err := im.WriteStream(ctx, s); err != nil {
		return 0, err
	}
	return uint32(s.fold()) + uint32(im.Size), nil
}

// summer adds up 16-bit words, low byte first, with the carry put back.
type summer struct {
	sum uint64
	odd bool // the next byte is the high one of its word
}

// Write implements io.Writer.
func (s *summer) Write(p []byte) (int, error) {
	n := len(p)
	if s.odd && n > 0 {
		s.sum += uint64(p[0]) << 8
		p, s.odd = p[1:], false
	}
	for ; len(p) >= 4; p = p[4:] {
		s.sum += uint64(le.Uint32(p))
	}
	for i, b := range p {
		s.sum += uint64(b) << (8 * (i % 2))
	}
	s.odd = len(p)%2 == 1
	s.sum = s.sum&0xffffffff + s.sum>>32
	return n, nil
}

// fold brings the sum down to 16 bits.
func (s *summer) fold() uint16 {
	sum := s.sum
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
