package fsimage

import (
	"context"
	"fmt"
)

// Writer makes one image out of entries and packed content. It is not for
// parallel use.
type Writer struct {
	format string
	err    error // of NewWriter or an earlier call
	add    func(ctx context.Context, e Entry, p *Packed) error
	end    func(ctx context.Context) (size int64, err error)
	size   int64
}

// NewWriter returns the writer of a format. If err is set, that is what all
// calls return. Else add gets the entries, and end completes the image if there
// was no error.
func NewWriter(format string, err error, add func(context.Context, Entry, *Packed) error, end func(context.Context) (int64, error)) *Writer {
	return &Writer{format: format, err: err, add: add, end: end}
}

// Add puts an entry into the image, in any order: parents may come later or
// not at all. Its content comes from a pack that a packer of the format with
// the same options made; files without any have none. Equal contents are stored
// once. The last entry of a name counts; what an earlier one of a file took
// remains in the image as dead bytes, so give final entries where that matters.
//
// Errors wrap [ErrUnsupported], [ErrOrder], [ErrSize] or those of the options,
// the pack or the target; after an error the image cannot be completed.
func (z *Writer) Add(ctx context.Context, e Entry, p *Packed) error {
	if z.err == nil {
		if err := z.add(ctx, e, p); err != nil {
			z.err = fmt.Errorf("%s: add %q: %w", z.format, e.Path, err)
		}
	}
	return z.err
}

// Close completes the image. It returns the error of an earlier Add, if there
// was one.
func (z *Writer) Close(ctx context.Context) error {
	if z.err != nil || z.size > 0 {
		return z.err
	}
	size, err := z.end(ctx)
	z.size = size
	if err != nil {
		z.err = fmt.Errorf("%s: complete the image: %w", z.format, err)
	}
	return z.err
}

// Size is the length of the image in bytes, after Close.
func (z *Writer) Size() int64 { return z.size }

// CheckPacked returns an error that wraps [ErrSize] if content is there or not
// where a regular file of so many bytes has none or needs it.
func CheckPacked(size int64, p *Packed) error {
	if (size > 0) != (p != nil) {
		return fmt.Errorf("%w: %d bytes, and content: %t", ErrSize, size, p != nil)
	}
	return nil
}
