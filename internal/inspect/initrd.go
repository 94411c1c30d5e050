package inspect

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/linuxkit/linuxkit/internal/format/cpio"
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	cpioMagic = []byte("07070")
)

func isInitrd(head []byte) bool {
	return bytes.HasPrefix(head, gzipMagic) || bytes.HasPrefix(head, zstdMagic) || bytes.HasPrefix(head, cpioMagic)
}

func openInitrd(ctx context.Context, path string, f *os.File) (*Tree, error) {
	b := NewBuilder(path, "initrd")
	if _, err := b.initrd(ctx, bufio.NewReaderSize(f, readBuffer)); err != nil {
		return nil, err
	}
	return b.Tree(), nil
}

// initrd adds what the kernel makes of an initrd, a sequence of archives that
// are compressed each on its own, and returns its size.
//
// See Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
func (b *Builder) initrd(ctx context.Context, r *bufio.Reader) (int64, error) {
	total := int64(0)
	for i := 0; ; i++ {
		n, err := skipZeros(r)
		total += n
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err = b.archive(ctx, i, r)
		total += n
		if err != nil {
			return total, fmt.Errorf("archive %d: %w", i, err)
		}
	}
}

func skipZeros(r *bufio.Reader) (int64, error) {
	for n := int64(0); ; n++ {
		c, err := r.ReadByte()
		if err != nil {
			return n, err
		}
		if c != 0 {
			return n, r.UnreadByte()
		}
	}
}

// archive adds one archive and returns how many bytes of r it occupies.
func (b *Builder) archive(ctx context.Context, number int, r *bufio.Reader) (int64, error) {
	s := b.Begin(fmt.Sprintf("archive[%d]", number), "")
	peeked, err := r.Peek(len(zstdMagic) + 1)
	head := bytes.Clone(peeked)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrFormat, io.ErrUnexpectedEOF)
	}
	c := &countingReader{r: r}
	var entries *cpio.Reader
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(c)
		if err != nil {
			return 0, err
		}
		z.Multistream(false)
		entries = cpio.NewReader(z)
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(&frame{r: r, c: c}, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, err
		}
		defer z.Close()
		entries = cpio.NewReader(z)
	case bytes.HasPrefix(head, cpioMagic):
		entries = cpio.NewSingleReader(r)
	default:
		return 0, fmt.Errorf("%w: it begins with %q", ErrFormat, head)
	}
	common, err := b.cpio(ctx, entries)
	s.Source = common
	if bytes.HasPrefix(head, cpioMagic) {
		s.Stored = entries.Offset()
	} else {
		s.Stored = c.n
	}
	return s.Stored, err
}

// cpio adds all entries and returns the directory that holds them.
func (b *Builder) cpio(ctx context.Context, r *cpio.Reader) (common string, err error) {
	names := map[uint32]string{}
	first := true
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return common, nil
		}
		if err != nil {
			return "", err
		}
		th := tarHeader(h, names)
		if err := b.Add(th, r); err != nil {
			return "", err
		}
		if th.Typeflag == tar.TypeDir {
			continue
		}
		dir := "/" + cleanName(h.Name)
		dir = dir[:strings.LastIndexByte(dir, '/')+1]
		if first {
			common, first = dir, false
		}
		for !strings.HasPrefix(dir, common) {
			common = common[:strings.LastIndexByte(strings.TrimSuffix(common, "/"), '/')+1]
		}
	}
}

// tarHeader says the same as h; names are those of files with several, by
// inode.
func tarHeader(h *cpio.Header, names map[uint32]string) *tar.Header {
	th := h.Tar()
	if th.Typeflag != tar.TypeReg || h.Links < 2 {
		return th
	}
	if target, ok := names[h.Inode]; ok && h.Size == 0 {
		th.Typeflag, th.Linkname = tar.TypeLink, target
	} else {
		names[h.Inode] = h.Name
	}
	return th
}

// countingReader counts what is read, byte by byte where asked to.
type countingReader struct {
	r *bufio.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
