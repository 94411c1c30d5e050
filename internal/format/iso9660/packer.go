package iso9660

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// packer makes packs of the format: content stays as it is.
type packer struct {
	data  io.Writer
	pos   int64
	table *fsimage.RecordWriter
	buf   []byte
}

// NewPacker returns a packer that writes to data and table. Content that is
// worth sharing begins where an image can share it.
func NewPacker(data, table io.Writer) *fsimage.Packer {
	p := &packer{data: data, table: fsimage.NewRecordWriter(table), buf: make([]byte, 256<<10)}
	return fsimage.NewPacker("iso9660", nil, p.add, p.table.Flush)
}

func (p *packer) add(ctx context.Context, size int64, c *fsimage.Content) error {
	align := int64(Sector)
	if size >= worthSharing {
		align *= contentAlign
	}
	if err := p.write(make([]byte, up(p.pos, align)-p.pos)); err != nil {
		return err
	}
	record := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(p.pos))
	for c.Left() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := p.buf[:min(c.Left(), int64(len(p.buf)))]
		if err := c.Fill(b); err != nil {
			return err
		}
		if err := p.write(b); err != nil {
			return err
		}
	}
	return p.table.Write(record)
}

func (p *packer) write(b []byte) error {
	n, err := p.data.Write(b)
	p.pos += int64(n)
	return err
}

// Content is where the content of a file is, from its first byte on.
type Content struct {
	Data io.ReaderAt
	From int64
}

// Unpack returns where packed content of so many bytes is.
func Unpack(p *fsimage.Packed, size int64) (Content, error) {
	f := fsimage.NewFields(p.Record)
	have, from := f.Size(), f.Size()
	if err := f.End(); err != nil {
		return Content{}, fmt.Errorf("iso9660: %w", err)
	}
	if have != size {
		return Content{}, fmt.Errorf("iso9660: %w: the content has %d bytes, not %d", ErrSize, have, size)
	}
	return Content{p.Pack.Data, from}, nil
}

// Disk returns the image as pieces. Content is asked for where that of the file
// that was added as path is.
func (im *Image) Disk(ctx context.Context, content func(path string) (Content, error)) (*disk.Image, error) {
	extents, err := im.extents(ctx, content)
	if err != nil {
		return nil, fmt.Errorf("iso9660: put together: %w", err)
	}
	return disk.New(im.size, extents...)
}

func (im *Image) extents(ctx context.Context, content func(path string) (Content, error)) ([]disk.Extent, error) {
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
		c, err := content(i.Data.path)
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", i.Data.path, err)
		}
		x, err := im.extent(i, c)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", i.Data.path, err)
		}
		list = append(list, x)
	}
	return list, nil
}

// extent is a file in its place, a boot loader with its information table.
func (im *Image) extent(i *inode, c Content) (disk.Extent, error) {
	x := disk.Extent{Offset: int64(i.Data.sector) * Sector, Length: i.Size, Data: c.Data, From: c.From}
	if !im.needsTable(i) {
		return x, nil
	}
	b := make([]byte, i.Size)
	if err := fsimage.NewContent(io.NewSectionReader(c.Data, c.From, i.Size), i.Size).Fill(b); err != nil {
		return x, err
	}
	putTable(b, i.Data.sector)
	return disk.Bytes(x.Offset, b), nil
}
