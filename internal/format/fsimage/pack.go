package fsimage

import (
	"context"
	"io"
)

// Packer takes the contents of files and writes them in the way that images of
// a format hold them, without knowing yet in which image and where: the bytes
// to one writer, and to another a record for each file that says which bytes
// are its own.
type Packer interface {
	// Add takes the content of the next file: r is read to its end, which has
	// to be at size. That of an empty file gets no record. Errors wrap
	// [ErrSize] or those of the reader or the writers; after an error the pack
	// cannot be completed.
	Add(ctx context.Context, size int64, r io.Reader) error
	// Close has to be called whatever happens. It writes what is left.
	Close() error
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
