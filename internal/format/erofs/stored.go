package erofs

import (
	"encoding/binary"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// stored tells where the content of a file is in a pack.
type stored struct {
	size    int64
	sum     digest
	start   uint32   // its first block
	blocks  uint32   // how many are its own
	extents []extent // with places relative to the first block
	tail    tail
	holes   bool // there are segments of zeros
	data    bool // there are others
}

// Bits of the kinds of extents, tails and files in a record.
const (
	isPlain = 1 << iota
	isZero
	hasHoles = isPlain
	hasData  = isZero
)

func bit(set bool, b uint64) uint64 {
	if set {
		return b
	}
	return 0
}

func (s *stored) record() []byte {
	b := fsimage.AppendHead(s.size, s.sum[:])
	b = binary.AppendUvarint(b, bit(s.holes, hasHoles)|bit(s.data, hasData))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(s.start)), uint64(s.blocks))
	b = binary.AppendUvarint(b, uint64(s.tail.length))
	b = fsimage.AppendBytes(binary.AppendUvarint(b, bit(s.tail.plain, isPlain)), s.tail.data)
	for at := 0; at < len(s.extents); {
		e, n := s.extents[at], run(s.extents[at:])
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(n)), bit(e.plain, isPlain)|bit(e.zero, isZero))
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.length)), uint64(e.blocks))
		b = binary.AppendUvarint(b, uint64(e.at))
		at += n
	}
	return binary.AppendUvarint(b, 0)
}

// run is how many of the extents are like the first one, each behind the one
// before it.
func run(extents []extent) int {
	next := extents[0]
	for n, e := range extents {
		if e != next {
			return n
		}
		next.at += uint32(next.blocks)
	}
	return len(extents)
}

// parseStored reads the record of a file of so many bytes.
func parseStored(record []byte, size int64) (*stored, error) {
	f := fsimage.NewFields(record)
	s := &stored{size: size}
	if err := f.Head(size, s.sum[:]); err != nil {
		return nil, err
	}
	kind := f.Uint()
	s.holes, s.data = kind&hasHoles != 0, kind&hasData != 0
	s.start, s.blocks = uint32(f.Uint()), uint32(f.Uint())
	s.tail.length = int(f.Size())
	s.tail.plain = f.Uint()&isPlain != 0
	s.tail.data = f.Bytes()
	if err := s.parseExtents(f); err != nil {
		return nil, err
	}
	return s, f.End()
}

// parseExtents reads runs of extents, which are as long as the file in all.
func (s *stored) parseExtents(f *fsimage.Fields) error {
	left := s.size - int64(s.tail.length)
	for n := f.Size(); n > 0; n = f.Size() {
		kind := f.Uint()
		e := extent{length: int(f.Size()), blocks: int(f.Size()), at: uint32(f.Uint()), plain: kind&isPlain != 0, zero: kind&isZero != 0}
		if e.length == 0 || int64(e.length) > left || n > left/int64(e.length) {
			return fmt.Errorf("%w: %d extents of %d bytes", fsimage.ErrRecord, n, e.length)
		}
		left -= n * int64(e.length)
		for range n {
			s.extents = append(s.extents, e)
			e.at += uint32(e.blocks)
		}
	}
	if left != 0 {
		return fmt.Errorf("%w: %d bytes of the file are missing", fsimage.ErrRecord, left)
	}
	return nil
}
