// Package uimage makes images for U-Boot: data behind the legacy header of
// include/image.h in U-Boot's source (struct legacy_img_hdr), and scripts in
// that form, as cmd/source.c reads them.
//
// It owns the header. What is in an image is up to the caller: nothing is
// compressed here, and images of several parts other than scripts are not
// made.
package uimage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// HeaderSize is that of the header in bytes.
const HeaderSize = 64

// maxSize is the size in bytes of the largest data.
const maxSize int64 = math.MaxUint32

// maxName is the length in bytes of the longest name (IH_NMLEN).
const maxName = 32

const magic = 0x27051956 // IH_MAGIC

// osLinux is the operating system of all images here (IH_OS_LINUX).
const osLinux = 5

// ErrSpec means that a header cannot say what it should.
var ErrSpec = errors.New("impossible image for U-Boot")

// Type says what an image is for.
type Type byte

// The types (IH_TYPE_*).
const (
	Kernel  Type = 2
	Ramdisk Type = 3
	script  Type = 6
)

// Compression says what U-Boot does with the data before use.
type Compression byte

// The compressions (IH_COMP_*).
const (
	None Compression = 0
	Gzip Compression = 1
)

// architectures are the numbers of Go's architectures (IH_ARCH_*).
var architectures = map[string]byte{"386": 3, "amd64": 24, "arm": 2, "arm64": 22, "riscv64": 26}

// Header says what an image is.
type Header struct {
	Type        Type
	Compression Compression
	// Arch is the architecture, as Go calls it.
	Arch string
	// Name has at most 32 bytes.
	Name string
	// Load is where U-Boot puts the data, decompressed; Entry is where it
	// jumps to. Ramdisks and scripts have neither.
	Load, Entry uint32
	// Time is that of making, in whole seconds between 1970 and 2106.
	Time time.Time
}

// New returns an image of the size bytes of data, which are read once for
// their checksum. The error wraps [ErrSpec] or is that of reading.
func New(ctx context.Context, h Header, data io.ReaderAt, size int64) (*disk.Image, error) {
	if size < 0 || size > maxSize {
		return nil, fmt.Errorf("%w: %q has %d bytes, more than %d", ErrSpec, h.Name, size, maxSize)
	}
	sum := crc32.NewIEEE()
	r := &ctxReader{ctx, io.NewSectionReader(data, 0, size)}
	if n, err := io.Copy(sum, r); err != nil || n != size {
		return nil, fmt.Errorf("read %q: got %d of %d bytes: %w", h.Name, n, size, errors.Join(err, ctx.Err()))
	}
	header, err := h.encode(uint32(size), sum.Sum32())
	if err != nil {
		return nil, err
	}
	return disk.New(HeaderSize+size, disk.Bytes(0, header), disk.Extent{Offset: HeaderSize, Length: size, Data: data})
}

// Script returns an image with commands for U-Boot. The type and compression
// of the header do not matter.
func Script(h Header, text string) ([]byte, error) {
	h.Type, h.Compression, h.Load, h.Entry = script, None, 0, 0
	// A list of the sizes of the parts, ended by zero, is in front of them.
	data := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	data = binary.BigEndian.AppendUint32(data, 0)
	data = append(data, text...)
	header, err := h.encode(uint32(len(data)), crc32.ChecksumIEEE(data))
	return append(header, data...), err
}

// encode returns the header of data with that size and checksum.
func (h Header) encode(size, sum uint32) ([]byte, error) {
	arch, known := architectures[h.Arch]
	seconds := h.Time.Unix()
	switch {
	case !known:
		return nil, fmt.Errorf("%w: U-Boot has no number for architecture %q", ErrSpec, h.Arch)
	case len(h.Name) > maxName:
		return nil, fmt.Errorf("%w: name %q has more than %d bytes", ErrSpec, h.Name, maxName)
	case seconds < 0 || seconds > math.MaxUint32:
		return nil, fmt.Errorf("%w: the time %s cannot be written", ErrSpec, h.Time)
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, HeaderSize), magic)
	for _, field := range []uint32{0, uint32(seconds), size, h.Load, h.Entry, sum} {
		out = binary.BigEndian.AppendUint32(out, field)
	}
	out = append(out, osLinux, arch, byte(h.Type), byte(h.Compression))
	out = append(out, h.Name...)
	out = out[:HeaderSize]
	binary.BigEndian.PutUint32(out[4:], crc32.ChecksumIEEE(out))
	return out, nil
}

// ctxReader reads until its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
