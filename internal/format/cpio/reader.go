package cpio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Reader reads archives that follow each other, with zero bytes between them,
// as the kernel does; it does not decompress.
type Reader struct {
	r   *bufio.Reader
	n   int64 // bytes read
	rem int64 // bytes of content left
	// archive is true while the trailer of an archive is still to come.
	archive bool
	number  int
	// single stops after one archive.
	single bool
}

// NewReader returns a reader of the archives in r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReader(r)} }

// NewSingleReader returns a reader of the one archive that r begins with. What
// follows the archive in r is not read, if r is buffered itself.
func NewSingleReader(r *bufio.Reader) *Reader { return &Reader{r: r, single: true} }

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int64 { return r.n }

// Next goes to the next entry, whatever archive it is in; [io.EOF] is the end
// of the last archive. Other errors wrap [ErrFormat] or come from below.
func (r *Reader) Next() (*Header, error) {
	for {
		if r.single && r.number > 0 {
			return nil, io.EOF
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return nil, err
		}
		if err := r.align(); err != nil {
			return nil, err
		}
		h, err := r.header()
		if err != nil {
			return nil, r.fail(err)
		}
		r.archive = h.Name != trailerName
		if r.archive {
			h.Archive = r.number
			return h, nil
		}
		r.number++
	}
}

// fail turns an end of input in the middle of something into an error.
func (r *Reader) fail(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && r.archive {
		return fmt.Errorf("read cpio archive: %w: it ends too early", ErrFormat)
	}
	return err
}

// Read reads content of the current entry.
func (r *Reader) Read(p []byte) (int, error) {
	if r.rem == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.rem)])
	r.n += int64(n)
	r.rem -= int64(n)
	if err == io.EOF {
		err = fmt.Errorf("read cpio archive: %w: content ends too early", ErrFormat)
	}
	return n, err
}

// align skips padding, and between archives all zero bytes.
func (r *Reader) align() error {
	pad := int(-r.n & 3)
	n, err := r.r.Discard(pad)
	r.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for !r.archive {
		b, err := r.r.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return r.r.UnreadByte()
		}
		r.n++
	}
	return nil
}

func (r *Reader) full(p []byte) error {
	n, err := io.ReadFull(r.r, p)
	r.n += int64(n)
	return err
}

func (r *Reader) header() (*Header, error) {
	var raw [headerSize]byte
	if err := r.full(raw[:]); err != nil {
		return nil, err
	}
	if m := string(raw[:6]); m != magic && m != "070702" {
		return nil, fmt.Errorf("read cpio archive: %w: magic number %q", ErrFormat, m)
	}
	var f [13]uint32
	for i := range f {
		n, err := strconv.ParseUint(string(raw[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return nil, fmt.Errorf("read cpio archive: %w: header: %w", ErrFormat, err)
		}
		f[i] = uint32(n)
	}
	h := &Header{
		Inode: f[0], Mode: f[1], UID: f[2], GID: f[3], Links: f[4], ModTime: time.Unix(int64(f[5]), 0).UTC(),
		Major: f[9], Minor: f[10],
	}
	return h, r.body(h, f[6], f[11])
}

// body reads name and target and prepares for the content.
func (r *Reader) body(h *Header, size, nameSize uint32) error {
	if nameSize == 0 || nameSize > pathMax {
		return fmt.Errorf("read cpio archive: %w: name of %d bytes", ErrFormat, nameSize)
	}
	name := make([]byte, nameSize)
	if err := r.full(name); err != nil {
		return unexpected(err)
	}
	h.Name = strings.TrimSuffix(string(name), "\x00")
	if _, err := r.r.Discard(int(-r.n & 3)); err != nil {
		return unexpected(err)
	}
	r.n += -r.n & 3
	if h.Mode&TypeMask != TypeSymlink {
		r.rem, h.Size = int64(size), int64(size)
		return nil
	}
	if size >= pathMax {
		return fmt.Errorf("read cpio archive: %w: %s links to a name of %d bytes", ErrFormat, h.Name, size)
	}
	target := make([]byte, size)
	if err := r.full(target); err != nil {
		return unexpected(err)
	}
	h.Linkname = string(target)
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
