package fsimage

import (
	"context"
	"fmt"
	"io"
)

// Packer takes the contents of files and writes them in the way that images of
// a format hold them, without knowing yet in which image and where: the bytes
// to one writer, and to another a record for each file that says which bytes
// are its own.
type Packer struct {
	format string
	err    error // of NewPacker or an earlier Add
	add    func(ctx context.Context, size int64, c *Content) error
	end    func() error
}

// NewPacker returns the packer of a format. If err is set, that is what all
// calls return. Else add gets the contents that are not empty, and end is
// called once, after errors as well.
func NewPacker(format string, err error, add func(ctx context.Context, size int64, c *Content) error, end func() error) *Packer {
	return &Packer{format, err, add, end}
}

// Add takes the content of the next file: r is read to its end, which has to be
// at size. That of an empty file gets no record. Errors wrap [ErrSize] or are
// those of the options, the reader or the writers; after an error the pack
// cannot be completed.
func (p *Packer) Add(ctx context.Context, size int64, r io.Reader) error {
	if p.err == nil {
		if err := p.content(ctx, size, NewContent(r, size)); err != nil {
			p.err = fmt.Errorf("%s: pack a file of %d bytes: %w", p.format, size, err)
		}
	}
	return p.err
}

func (p *Packer) content(ctx context.Context, size int64, c *Content) error {
	if size == 0 {
		return c.Fill(nil)
	}
	return p.add(ctx, size, c)
}

// Close has to be called whatever happens. It writes what is left, and returns
// the error of an earlier Add, if there was one.
func (p *Packer) Close() error {
	if p.end == nil {
		return p.err
	}
	err := p.end()
	p.end = nil
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("%s: pack files: %w", p.format, err)
	}
	return p.err
}

// Pack is what a [Packer] wrote.
type Pack struct {
	Data  io.ReaderAt
	table *RecordReader
}

// NewPack returns the pack of the bytes and the records given.
func NewPack(data io.ReaderAt, table io.Reader) *Pack {
	return &Pack{Data: data, table: NewRecordReader(table)}
}

// Packed is the content of one file in a pack.
type Packed struct {
	Pack *Pack
	// Record is for the format that made the pack. It is valid until the next
	// record of the pack is asked for.
	Record []byte
}

// Next returns the content of the next file, in the order in which they were
// added, or [io.EOF]. Other errors are those of [RecordReader.Next].
func (p *Pack) Next() (*Packed, error) {
	record, err := p.table.Next()
	if err != nil {
		return nil, err
	}
	return &Packed{p, record}, nil
}
