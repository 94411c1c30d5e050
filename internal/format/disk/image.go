package disk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// Sector is the size in bytes of the sectors of all disks here.
const Sector = 512

// Align is the boundary in bytes on which partitions begin and whose multiple
// disks are: what every tool and every cloud accepts.
const Align = 1 << 20

// ErrTooSmall is what the errors of an image that does not fit its size wrap.
var ErrTooSmall = errors.New("too small")

// Extent is a piece of an image that holds data.
type Extent struct {
	Offset int64       // where it begins in the image, in bytes
	Length int64       // bytes
	Data   io.ReaderAt // what it holds; an *os.File is shared rather than copied where the system can
	From   int64       // where in Data it begins
}

// end returns the first offset behind the extent.
func (e Extent) end() int64 { return e.Offset + e.Length }

// Bytes returns an extent that holds data.
func Bytes(offset int64, data []byte) Extent {
	return Extent{Offset: offset, Length: int64(len(data)), Data: bytes.NewReader(data)}
}

// Image is a raw disk of Size bytes. Extents are sorted by offset and do not
// overlap; everything else reads as zeros.
type Image struct {
	Size    int64
	Extents []Extent
}

// New returns an image with extents in any order. Empty extents are dropped,
// and one whose data is an image itself is replaced by the extents of that, so
// that files stay shareable through several layers of images. The errors are
// those of Check.
func New(size int64, extents ...Extent) (*Image, error) {
	var all []Extent
	for _, e := range extents {
		if e.Length != 0 {
			all = append(all, e.flat()...)
		}
	}
	slices.SortStableFunc(all, func(a, b Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	im := &Image{Size: size, Extents: all}
	return im, im.Check()
}

// flat returns the extents of the image that e takes its data from, cut to what
// e shows of it. An extent that wants more than the image has stays as it is:
// reading it is an error.
func (e Extent) flat() []Extent {
	im, ok := e.Data.(*Image)
	if !ok || e.Length < 0 || e.From < 0 || e.Length > im.Size-e.From {
		return []Extent{e}
	}
	var flat []Extent
	for _, x := range im.Extents {
		from, to := max(x.Offset, e.From), min(x.end(), e.From+e.Length)
		if from < to {
			part := Extent{Offset: e.Offset + from - e.From, Length: to - from, Data: x.Data, From: x.From + from - x.Offset}
			flat = append(flat, part.flat()...)
		}
	}
	return flat
}

// Check returns an error if extents are unsorted, overlap or leave the image.
func (im *Image) Check() error {
	var end int64
	for _, e := range im.Extents {
		switch {
		case e.Length < 0 || e.Offset < 0 || e.From < 0 || e.Data == nil:
			return fmt.Errorf("image: bad extent of %d bytes at %d", e.Length, e.Offset)
		case e.Offset < end:
			return fmt.Errorf("image: extent at %d begins before the one ahead of it ends at %d", e.Offset, end)
		case e.Length > im.Size-e.Offset:
			return fmt.Errorf("image of %d bytes: extent of %d bytes at %d does not fit: %w", im.Size, e.Length, e.Offset, ErrTooSmall)
		}
		end = e.end()
	}
	return nil
}

// Shift returns the extents of the image moved by offset, to be put into another one.
func (im *Image) Shift(offset int64) []Extent {
	moved := slices.Clone(im.Extents)
	for i := range moved {
		moved[i].Offset += offset
	}
	return moved
}

// Covers tells whether any byte of the n at offset holds data.
func (im *Image) Covers(offset, n int64) bool {
	i := im.search(offset)
	return i < len(im.Extents) && im.Extents[i].Offset < offset+n
}

// search returns the index of the first extent that ends behind offset.
func (im *Image) search(offset int64) int {
	return sort.Search(len(im.Extents), func(i int) bool { return im.Extents[i].end() > offset })
}

// ReadAt implements io.ReaderAt; holes read as zeros.
func (im *Image) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, fmt.Errorf("read image: negative offset %d", offset)
	}
	if offset >= im.Size {
		return 0, io.EOF
	}
	var short error
	if left := im.Size - offset; int64(len(p)) > left {
		p, short = p[:left], io.EOF
	}
	n, err := im.readAt(p, offset)
	if err != nil {
		return n, err
	}
	return n, short
}

// readAt fills p, which lies in the image.
func (im *Image) readAt(p []byte, offset int64) (int, error) {
	clear(p)
	end := offset + int64(len(p))
	for _, e := range im.Extents[im.search(offset):] {
		if e.Offset >= end {
			break
		}
		from, to := max(e.Offset, offset), min(e.end(), end)
		part := p[from-offset : to-offset]
		if n, err := e.Data.ReadAt(part, e.From+from-e.Offset); n < len(part) {
			return int(from-offset) + n, short(e, err)
		}
	}
	return len(p), nil
}

// short returns the error of an extent whose data ended early.
func short(e Extent, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read extent of %d bytes at %d of image: %w", e.Length, e.Offset, err)
}
