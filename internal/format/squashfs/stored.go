package squashfs

import (
	"encoding/binary"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// stored tells where the content of a file is in a pack.
type stored struct {
	size   int64
	sum    digest
	place  place // of a small file
	start  int64 // of the others
	sizes  []uint32
	sparse int64 // bytes in blocks of zeros
}

// known tells whether it is known where the file is.
func (s *stored) known() bool { return s.place.block == nil || s.place.block.size != 0 }

func (s *stored) record() []byte {
	b := fsimage.AppendHead(s.size, s.sum[:])
	if f := s.place.block; f != nil {
		b = binary.AppendUvarint(append(b, 1), uint64(f.start))
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(f.size)), uint64(s.place.offset))
	}
	b = binary.AppendUvarint(append(b, 0), uint64(s.start))
	b = binary.AppendUvarint(b, uint64(s.sparse))
	b = binary.AppendUvarint(b, uint64(len(s.sizes)))
	for _, n := range s.sizes {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// parseStored reads the record of a file of so many bytes.
func parseStored(record []byte, size int64) (*stored, error) {
	f := fsimage.NewFields(record)
	s := &stored{size: size}
	if err := f.Head(size, s.sum[:]); err != nil {
		return nil, err
	}
	if f.Uint() == 1 {
		s.place.block = &fragment{start: f.Size(), size: uint32(f.Uint())}
		s.place.offset = uint32(f.Uint())
		return s, f.End()
	}
	s.start, s.sparse = f.Size(), f.Size()
	s.sizes = make([]uint32, f.Count())
	for i := range s.sizes {
		s.sizes[i] = uint32(f.Uint())
	}
	return s, f.End()
}

// length is how many bytes the blocks take.
func (s *stored) length() int64 {
	n := int64(0)
	for _, size := range s.sizes {
		n += blockLength(size)
	}
	return n
}

// blockLength is how many bytes a block takes.
func blockLength(size uint32) int64 { return int64(size &^ rawBit) }
