package uki

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Section is a part of a program.
type Section struct {
	Name    string
	Offset  int64 // of its data in the file, in bytes
	RawSize int64 // of its data in the file, with padding
	Address int64 // in memory, relative to the beginning of the image
	Size    int64 // in memory; beyond RawSize there are zeros
	Flags   uint32
}

// Flags of sections.
const (
	flagCode = 0x20
	flagData = 0x40
	flagRead = 0x4000_0000
)

// DataSize is the number of bytes of the file that are content, not padding.
func (s *Section) DataSize() int64 { return min(s.RawSize, s.Size) }

// Sections lists the sections of a program of size bytes in the order of its
// headers. Errors wrap [ErrFormat] or are those of r; sections that overlap or
// that are not in the file are such errors.
func Sections(r io.ReaderAt, size int64) ([]Section, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read sections: %w", err)
	}
	list, err := h.sections(size)
	if err != nil {
		return nil, fmt.Errorf("read sections: %w", err)
	}
	return list, nil
}

func (h *header) sections(size int64) ([]Section, error) {
	list := make([]Section, h.count())
	for i := range list {
		list[i] = decodeSection(h.data[h.table+i*sectionSize:])
		if s := list[i]; s.RawSize > 0 && (s.Offset < int64(len(h.data)) || s.Offset+s.RawSize > size) {
			return nil, fmt.Errorf("%w: section %q is not in the file", ErrFormat, s.Name)
		}
	}
	inFile := func(s Section) (int64, int64) { return s.Offset, s.RawSize }
	inMemory := func(s Section) (int64, int64) { return s.Address, s.Size }
	if overlap(list, inFile) || overlap(list, inMemory) {
		return nil, fmt.Errorf("%w: sections overlap", ErrFormat)
	}
	return list, nil
}

func overlap(list []Section, place func(Section) (start, size int64)) bool {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Section) int {
		startA, _ := place(a)
		startB, _ := place(b)
		return cmp.Compare(startA, startB)
	})
	var end int64
	for _, s := range sorted {
		start, size := place(s)
		if size == 0 {
			continue
		}
		if start < end {
			return true
		}
		end = start + size
	}
	return false
}

func decodeSection(b []byte) Section {
	return Section{
		Name:    string(bytes.TrimRight(b[:8], "\x00")),
		Size:    int64(le.Uint32(b[8:])),
		Address: int64(le.Uint32(b[12:])),
		RawSize: int64(le.Uint32(b[16:])),
		Offset:  int64(le.Uint32(b[20:])),
		Flags:   le.Uint32(b[36:]),
	}
}

func (s *Section) encode(b []byte) {
	clear(b[:sectionSize])
	copy(b[:8], s.Name)
	le.PutUint32(b[8:], uint32(s.Size))
	le.PutUint32(b[12:], uint32(s.Address))
	le.PutUint32(b[16:], uint32(s.RawSize))
	le.PutUint32(b[20:], uint32(s.Offset))
	le.PutUint32(b[36:], s.Flags)
}
