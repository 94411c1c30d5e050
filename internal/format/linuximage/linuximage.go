// Package linuximage looks inside the files that Linux is booted from: the
// x86 bzImage, the EFI zboot image of arm64 and riscv64, and plain compressed
// images. It finds the compressed payload, decompresses it, and reads the
// build configuration that a kernel may carry. It never executes or changes
// anything.
//
// Formats: Documentation/arch/x86/boot.rst, drivers/firmware/efi/libstub/zboot.lds
// and kernel/configs.c of Linux.
package linuximage

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// Errors of this package.
var (
	// ErrFormat means that the file is damaged or of no known format.
	ErrFormat = errors.New("unknown kernel image format")
	// ErrNoConfig means that the kernel does not carry its configuration.
	ErrNoConfig = errors.New("kernel carries no configuration")
)

// maxPayload bounds what a payload may grow to.
const maxPayload = 1 << 30

const (
	bootFlagOffset     = 0x1fe
	headerMagicOffset  = 0x202
	setupSectorsOffset = 0x1f1
	payloadOffset      = 0x248
	payloadLength      = 0x24c
	minBzImage         = 0x250
)

// Payload returns the decompressed kernel inside a kernel image of size
// bytes. An image that is not compressed is returned as it is.
func Payload(r io.ReaderAt, size int64) (io.Reader, error) {
	section, err := payload(r, size)
	if err != nil {
		return nil, err
	}
	out, err := decompress(section)
	if err != nil {
		return nil, err
	}
	return &limited{r: out, left: maxPayload}, nil
}

// payload returns the part of the image that may be compressed.
func payload(r io.ReaderAt, size int64) (*io.SectionReader, error) {
	head := make([]byte, minBzImage)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head = head[:n]
	switch {
	case isBzImage(head):
		start := (int64(head[setupSectorsOffset]) + 1) * 512
		if head[setupSectorsOffset] == 0 {
			start = 5 * 512
		}
		start += int64(binary.LittleEndian.Uint32(head[payloadOffset:]))
		return section(r, size, start, int64(binary.LittleEndian.Uint32(head[payloadLength:])))
	case len(head) >= 24 && string(head[:2]) == "MZ" && string(head[4:8]) == "zimg":
		start := int64(binary.LittleEndian.Uint32(head[8:]))
		return section(r, size, start, int64(binary.LittleEndian.Uint32(head[12:])))
	default:
		return io.NewSectionReader(r, 0, size), nil
	}
}

func isBzImage(head []byte) bool {
	return len(head) == minBzImage &&
		binary.LittleEndian.Uint16(head[bootFlagOffset:]) == 0xaa55 &&
		string(head[headerMagicOffset:headerMagicOffset+4]) == "HdrS"
}

func section(r io.ReaderAt, size, start, length int64) (*io.SectionReader, error) {
	if length == 0 || start+length > size {
		return nil, fmt.Errorf("%w: payload at %d of %d bytes lies outside the file of %d bytes", ErrFormat, start, length, size)
	}
	return io.NewSectionReader(r, start, length), nil
}

// decompress tells the compression by its magic number.
func decompress(s *io.SectionReader) (io.Reader, error) {
	magic := make([]byte, 8)
	n, err := s.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	magic = magic[:n]
	has := func(prefix string) bool { return bytes.HasPrefix(magic, []byte(prefix)) }
	switch {
	case has("\x1f\x8b"):
		return openGzip(s)
	case has("\x28\xb5\x2f\xfd"):
		return zstd.NewReader(s, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	case has("\xfd7zXZ\x00"):
		return wrap(xz.NewReader(s))
	case has("BZh"):
		return bzip2.NewReader(s), nil
	case has("\x02\x21\x4c\x18"), has("\x04\x22\x4d\x18"):
		return lz4.NewReader(s), nil
	case has("\x5d\x00\x00"):
		return wrap(lzma.NewReader(s))
	default:
		return s, nil
	}
}

// openGzip reads one member: the payload of a bzImage is followed by its size.
func openGzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	z.Multistream(false)
	return z, nil
}

func wrap[R io.Reader](r R, err error) (io.Reader, error) {
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return r, nil
}

// limited fails once more than a number of bytes were read.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("%w: payload grows beyond %d bytes", ErrFormat, maxPayload)
	}
	return n, err
}
