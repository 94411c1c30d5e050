package iso9660

import (
	"context"
	"fmt"
	"io"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Stream writes an image from its beginning to its end. It is not for
// parallel use.
type Stream struct {
	im    *Image
	w     io.Writer
	next  int // file whose content comes next
	pos   int64
	begun bool
	buf   []byte
}

// Stream returns what writes the image to w.
func (im *Image) Stream(w io.Writer) *Stream { return &Stream{im: im, w: w} }

// Content takes the content of the file that was added as path. Every file of
// at least one byte that is neither a hard link nor a part nor was replaced
// has its turn, in the order in which they were added. Content is read to its
// end, which has to be at the size of the entry.
//
// Errors wrap [ErrOrder], [ErrSize] or those of reader and target; after an
// error the image cannot be completed.
func (s *Stream) Content(ctx context.Context, path string, r io.Reader) error {
	if err := s.content(ctx, path, r); err != nil {
		return fmt.Errorf("iso9660: write %q: %w", path, err)
	}
	return nil
}

func (s *Stream) content(ctx context.Context, path string, r io.Reader) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if s.next == len(s.im.files) {
		return fmt.Errorf("%w: no more content is expected", ErrOrder)
	}
	i := s.im.files[s.next]
	if i.Data.path != path {
		return fmt.Errorf("%w: the content of %q is expected", ErrOrder, i.Data.path)
	}
	s.next++
	if err := s.fill(int64(i.Data.sector) * Sector); err != nil {
		return err
	}
	c := fsimage.NewContent(r, i.Size)
	if s.im.needsTable(i) {
		return s.loader(i, c)
	}
	return s.copy(ctx, c)
}

// loader writes a file with its information table.
func (s *Stream) loader(i *inode, c *fsimage.Content) error {
	b := make([]byte, i.Size)
	if err := c.Fill(b); err != nil {
		return err
	}
	putTable(b, i.Data.sector)
	return s.write(b)
}

func (s *Stream) copy(ctx context.Context, c *fsimage.Content) error {
	for c.Left() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := s.buf[:min(c.Left(), int64(len(s.buf)))]
		if err := c.Fill(b); err != nil {
			return err
		}
		if err := s.write(b); err != nil {
			return err
		}
	}
	return nil
}

// begin writes the metadata, once.
func (s *Stream) begin(ctx context.Context) error {
	if s.begun {
		return nil
	}
	s.begun, s.buf = true, make([]byte, 256<<10)
	return s.im.writeHead(ctx, s.write)
}

// fill writes zeros up to an offset.
func (s *Stream) fill(to int64) error {
	var zeros [Sector]byte
	for s.pos < to {
		if err := s.write(zeros[:min(to-s.pos, Sector)]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) write(b []byte) error {
	n, err := s.w.Write(b)
	s.pos += int64(n)
	return err
}

// Close writes the end of the image. Errors wrap [ErrOrder], if content is
// missing, or are those of the target.
func (s *Stream) Close(ctx context.Context) error {
	if err := s.close(ctx); err != nil {
		return fmt.Errorf("iso9660: end the image: %w", err)
	}
	return nil
}

func (s *Stream) close(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if s.next < len(s.im.files) {
		return fmt.Errorf("%w: the content of %q is missing", ErrOrder, s.im.files[s.next].Data.path)
	}
	_, backup, err := s.im.tables()
	if err != nil {
		return err
	}
	if err := s.fill(s.im.size - int64(len(backup))); err != nil {
		return err
	}
	return s.write(backup)
}

// Disk returns the image as pieces, for content that can be read at any time:
// content is asked for the file that was added as path.
func (im *Image) Disk(ctx context.Context, content func(path string) (io.ReaderAt, error)) (*disk.Image, error) {
	extents, err := im.extents(ctx, content)
	if err != nil {
		return nil, fmt.Errorf("iso9660: put together: %w", err)
	}
	return disk.New(im.size, extents...)
}

func (im *Image) extents(ctx context.Context, content func(path string) (io.ReaderAt, error)) ([]disk.Extent, error) {
	_, backup, err := im.tables()
	if err != nil {
		return nil, err
	}
	head := make([]byte, 0, im.head)
	list := []disk.Extent{disk.Bytes(im.size-int64(len(backup)), backup)}
	if err := im.writeHead(ctx, func(b []byte) error { head = append(head, b...); return nil }); err != nil {
		return nil, err
	}
	list = append(list, disk.Bytes(0, head))
	for _, i := range im.files {
		r, err := content(i.Data.path)
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", i.Data.path, err)
		}
		x := disk.Extent{Offset: int64(i.Data.sector) * Sector, Length: i.Size, Data: r}
		if im.needsTable(i) {
			b := make([]byte, i.Size)
			if err := fsimage.NewContent(io.NewSectionReader(r, 0, i.Size), i.Size).Fill(b); err != nil {
				return nil, fmt.Errorf("read %q: %w", i.Data.path, err)
			}
			putTable(b, i.Data.sector)
			x = disk.Bytes(x.Offset, b)
		}
		list = append(list, x)
	}
	return list, nil
}
