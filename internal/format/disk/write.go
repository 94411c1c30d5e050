package disk

import (
	"context"
	"fmt"
	"io"
	"os"
)

// chunk is how much is copied between two looks at the context.
const chunk = 64 << 20

// WriteFile makes f, a regular file, the image. Holes are sought over, so the
// file is sparse; data from files is shared with them or copied by the kernel
// where that is possible, which moves the offsets of those files.
func (im *Image) WriteFile(ctx context.Context, f *os.File) error {
	if err := im.Check(); err != nil {
		return err
	}
	if err := empty(f); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if err := f.Truncate(im.Size); err != nil {
		return fmt.Errorf("write image of %d bytes: %w", im.Size, err)
	}
	for _, e := range im.Extents {
		if err := e.writeFile(ctx, f); err != nil {
			return fmt.Errorf("write image %s: %w", f.Name(), err)
		}
	}
	return nil
}

// empty drops what is in the file. One that is empty is left alone: ext4 takes
// a truncation as a sign that a file is replaced, and starts to write it to
// disk when it is closed.
func empty(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	return f.Truncate(0)
}

// writeFile writes the extent to its place.
func (e Extent) writeFile(ctx context.Context, f *os.File) error {
	if _, err := f.Seek(e.Offset, io.SeekStart); err != nil {
		return err
	}
	r, err := e.reader()
	if err != nil {
		return err
	}
	return copyAll(ctx, f, r, e)
}

// reader returns the data of an extent from its beginning: the file itself if
// it is one, because only then can the kernel copy.
func (e Extent) reader() (io.Reader, error) {
	if f, ok := e.Data.(*os.File); ok {
		_, err := f.Seek(e.From, io.SeekStart)
		return f, err
	}
	return io.NewSectionReader(e.Data, e.From, e.Length), nil
}

// copyAll copies as many bytes as the extent has.
func copyAll(ctx context.Context, w io.Writer, r io.Reader, e Extent) error {
	for left := e.Length; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := min(left, chunk)
		n, err := io.Copy(w, io.LimitReader(r, want))
		if err != nil {
			return err
		}
		if n < want {
			return short(e, nil)
		}
		left -= n
	}
	return nil
}

// WriteStream writes the image to w, with its holes as zeros.
func (im *Image) WriteStream(ctx context.Context, w io.Writer) error {
	if err := im.Check(); err != nil {
		return err
	}
	whole := Extent{Length: im.Size, Data: im}
	if err := copyAll(ctx, w, io.NewSectionReader(im, 0, im.Size), whole); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}
