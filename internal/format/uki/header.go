package uki

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Errors that those of this package wrap.
var (
	// ErrFormat means that a file is no PE program for a 64-bit machine, or a damaged one.
	ErrFormat = errors.New("not a valid 64-bit EFI program")
	// ErrRoom means that the stub has no room for the headers of more sections.
	ErrRoom = errors.New("the stub has no room for more sections; use systemd-stub 254 or later")
	// ErrTooLarge means that the image would have 4 GiB or more.
	ErrTooLarge = errors.New("a unified kernel image has to be smaller than 4 GiB")
	// ErrMachine means that stub and kernel are for different architectures.
	ErrMachine = errors.New("stub and kernel are for different architectures")
)

// Offsets in the headers.
const (
	coffSize    = 20
	plusMagic   = 0x20b // of the optional header of 64-bit programs
	plusSize    = 112   // of the optional header without its directories
	sectionSize = 40

	offSections   = 2 // in the COFF header
	offSymbols    = 8
	offOptional   = 16
	offInitData   = 8 // in the optional header
	offAlignment  = 32
	offFileAlign  = 36
	offImageSize  = 56
	offHeaderSize = 60
	offChecksum   = 64
	offDirs       = 108
	offSecurity   = plusSize + 4*8
	maxHeaders    = 1 << 20
)

var le = binary.LittleEndian

// header is the part of a program ahead of its sections.
type header struct {
	data     []byte // as many bytes as SizeOfHeaders says
	coff     int    // where the COFF header begins
	optional int
	table    int // where the section headers begin
}

// readHeader reads the headers of a program of size bytes.
func readHeader(r io.ReaderAt, size int64) (*header, error) {
	dos := make([]byte, 64)
	if err := readAt(r, dos, 0, size); err != nil {
		return nil, err
	}
	if dos[0] != 'M' || dos[1] != 'Z' {
		return nil, fmt.Errorf("%w: it does not begin with MZ", ErrFormat)
	}
	h := &header{coff: int(min(le.Uint32(dos[60:]), maxHeaders)) + 4}
	h.optional = h.coff + coffSize
	front := make([]byte, h.optional+plusSize)
	if err := readAt(r, front, 0, size); err != nil {
		return nil, err
	}
	if !bytes.Equal(front[h.coff-4:h.coff], []byte("PE\x00\x00")) || le.Uint16(front[h.optional:]) != plusMagic {
		return nil, fmt.Errorf("%w: it has no PE32+ header", ErrFormat)
	}
	h.table = h.optional + int(le.Uint16(front[h.coff+offOptional:]))
	h.data = make([]byte, min(le.Uint32(front[h.optional+offHeaderSize:]), maxHeaders))
	if err := readAt(r, h.data, 0, size); err != nil {
		return nil, err
	}
	return h, h.check()
}

// check refuses headers that do not hold what they say.
func (h *header) check() error {
	dirs := int64(plusSize)
	if h.optional+plusSize <= len(h.data) {
		dirs += 8 * int64(le.Uint32(h.data[h.optional+offDirs:]))
	}
	switch {
	case h.table+h.count()*sectionSize > len(h.data):
		return fmt.Errorf("%w: its headers are longer than they say", ErrFormat)
	case int64(h.optional)+dirs > int64(h.table):
		return fmt.Errorf("%w: its directories do not fit the optional header", ErrFormat)
	case !power(h.alignment()) || !power(h.fileAlignment()) || h.fileAlignment() > h.alignment():
		return fmt.Errorf("%w: it has bad alignments of %d and %d bytes", ErrFormat, h.alignment(), h.fileAlignment())
	}
	return nil
}

func power(n int64) bool { return n > 0 && n <= 1<<20 && n&(n-1) == 0 }

func (h *header) opt(offset int) []byte { return h.data[h.optional+offset:] }

func (h *header) count() int {
	if h.coff+coffSize > len(h.data) {
		return maxHeaders
	}
	return int(le.Uint16(h.data[h.coff+offSections:]))
}

func (h *header) machine() uint16      { return le.Uint16(h.data[h.coff:]) }
func (h *header) alignment() int64     { return int64(le.Uint32(h.opt(offAlignment))) }
func (h *header) fileAlignment() int64 { return int64(le.Uint32(h.opt(offFileAlign))) }
func (h *header) imageSize() int64     { return int64(le.Uint32(h.opt(offImageSize))) }

// signed tells whether there is a signature.
func (h *header) signed() bool {
	return le.Uint32(h.opt(offDirs)) > 4 && le.Uint32(h.opt(offSecurity)) != 0
}

// room is the number of section headers that fit.
func (h *header) room() int { return (len(h.data) - h.table) / sectionSize }

// readAt fills p from a file of size bytes.
func readAt(r io.ReaderAt, p []byte, at, size int64) error {
	if at+int64(len(p)) > size {
		return fmt.Errorf("%w: it ends after %d bytes", ErrFormat, size)
	}
	if n, err := r.ReadAt(p, at); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it ends early", ErrFormat)
		}
		return err
	}
	return nil
}
