package cpio

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

const (
	firstInode = 721
	// All files seem to be on this device.
	deviceMajor = 3
	deviceMinor = 1
	// archiveAlign is the multiple of bytes that an archive has.
	archiveAlign = 512
	copyBuffer   = 128 << 10
)

// Writer writes an archive. Inode numbers count up from a fixed one, so equal
// entries make equal bytes.
type Writer struct {
	w     io.Writer
	n     int64 // bytes written
	left  int64 // bytes of content to come
	inode uint32
	name  string
	// linked has the files whose further names are still to come.
	linked map[string]*linked
	buf    []byte
	err    error
}

// linked is a file with several names.
type linked struct {
	header Header
	left   uint32
}

// NewWriter returns a writer of an archive to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, inode: firstInode, linked: make(map[string]*linked)}
}

// WriteHeader begins an entry; h.Size bytes of content have to follow.
// An error wraps [ErrUnsupported] if the archive cannot hold the entry.
func (w *Writer) WriteHeader(h *Header) error {
	if w.err != nil {
		return w.err
	}
	if err := w.finish(); err != nil {
		return err
	}
	if err := w.header(h); err != nil {
		return fmt.Errorf("write entry %.200s: %w", h.Name, err)
	}
	return nil
}

func (w *Writer) header(h *Header) error {
	if h.HardLink != "" {
		return w.hardLink(h)
	}
	own := *h
	own.Inode = w.inode
	if own.Links == 0 {
		own.Links = 1
		if own.Mode&TypeMask == TypeDir {
			own.Links = 2
		}
	}
	if err := own.check(); err != nil {
		return err
	}
	if own.Links > 1 && own.Mode&TypeMask != TypeDir {
		w.linked[own.Name] = &linked{header: own, left: own.Links - 1}
	}
	w.inode++
	w.left, w.name = own.Size, own.Name
	return w.put(&own, deviceMajor, deviceMinor)
}

// hardLink writes one more name of a file. Its content came with the first.
func (w *Writer) hardLink(h *Header) error {
	l, ok := w.linked[h.HardLink]
	if !ok {
		return fmt.Errorf("hard link to %.200s, which is not before it in the archive or has no more links", h.HardLink)
	}
	if l.left--; l.left == 0 {
		delete(w.linked, h.HardLink)
	}
	own := l.header
	own.Name, own.Size = h.Name, 0
	if err := own.check(); err != nil {
		return err
	}
	return w.put(&own, deviceMajor, deviceMinor)
}

// put writes a header, its name, and the target of a symbolic link. The
// kernel does not know hard links of symbolic links, so each name gets its own
// target. The numbers are those of the device the file seems to be on.
func (w *Writer) put(h *Header, major, minor uint32) error {
	size := h.Size
	if h.Mode&TypeMask == TypeSymlink {
		size = int64(len(h.Linkname))
	}
	w.buf = fmt.Appendf(w.buf[:0], "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", magic,
		h.Inode, h.Mode, h.UID, h.GID, h.Links, seconds(h.ModTime), size,
		major, minor, h.Major, h.Minor, len(h.Name)+1, 0)
	w.buf = append(append(w.buf, h.Name...), 0)
	w.pad()
	if h.Mode&TypeMask == TypeSymlink {
		w.buf = append(w.buf, h.Linkname...)
		w.pad()
	}
	return w.write(w.buf)
}

// pad fills the buffer up to a multiple of four bytes.
func (w *Writer) pad() {
	for len(w.buf)%4 != 0 {
		w.buf = append(w.buf, 0)
	}
}

func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}

func (w *Writer) write(p []byte) error {
	n, err := w.w.Write(p)
	w.n += int64(n)
	w.err = err
	return err
}

// ReadFrom copies content of the entry that was begun last from r, to its end.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	buf := copyPool.Get().(*[copyBuffer]byte)
	defer copyPool.Put(buf)
	return io.CopyBuffer(onlyWriter{w}, r, buf[:])
}

// onlyWriter hides ReadFrom.
type onlyWriter struct{ io.Writer }

var copyPool = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// finish ends the content of an entry.
func (w *Writer) finish() error {
	if w.left > 0 {
		return fmt.Errorf("write content of %.200s: %d bytes are missing", w.name, w.left)
	}
	if pad := -w.n & 3; pad > 0 {
		return w.write(make([]byte, pad))
	}
	return nil
}

var errTooLong = errors.New("more content than the header says")

// Write writes content of the entry that was begun last.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > w.left {
		return 0, fmt.Errorf("write content of %.200s: %w", w.name, errTooLong)
	}
	if err := w.write(p); err != nil {
		return 0, err
	}
	w.left -= int64(len(p))
	return len(p), nil
}

// Close ends the archive. It does not close the writer below. All names of
// files with several must have been written.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if err := w.finish(); err != nil {
		return err
	}
	if err := w.checkLinks(); err != nil {
		return err
	}
	trailer := Header{Name: trailerName, Inode: w.inode, Links: 1, ModTime: time.Unix(0, 0)}
	if err := w.put(&trailer, 0, 0); err != nil {
		return err
	}
	if err := w.write(make([]byte, -w.n&(archiveAlign-1))); err != nil {
		return err
	}
	w.err = errors.New("write to a closed cpio archive")
	return nil
}

func (w *Writer) checkLinks() error {
	first := ""
	for name := range w.linked {
		if first == "" || name < first {
			first = name
		}
	}
	if first == "" {
		return nil
	}
	return fmt.Errorf("close cpio archive: %d of the links to %.200s are missing", w.linked[first].left, first)
}
