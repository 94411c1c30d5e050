package fsimage

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrRecord means that a record is not one of those that were written.
var ErrRecord = errors.New("damaged record")

// RecordWriter writes records one after the other, each behind its length.
type RecordWriter struct{ w *bufio.Writer }

// NewRecordWriter returns a writer that has to be flushed in the end.
func NewRecordWriter(w io.Writer) *RecordWriter { return &RecordWriter{bufio.NewWriter(w)} }

// Write writes one record.
func (r *RecordWriter) Write(record []byte) error {
	if _, err := r.w.Write(binary.AppendUvarint(nil, uint64(len(record)))); err != nil {
		return err
	}
	_, err := r.w.Write(record)
	return err
}

// Flush hands all records to the writer below.
func (r *RecordWriter) Flush() error { return r.w.Flush() }

// RecordReader reads what a [RecordWriter] wrote.
type RecordReader struct {
	r   *bufio.Reader
	buf bytes.Buffer
}

// NewRecordReader returns a reader of the records in r.
func NewRecordReader(r io.Reader) *RecordReader { return &RecordReader{r: bufio.NewReader(r)} }

// Next returns the next record, which is valid until the next call, or
// [io.EOF]. Other errors wrap [ErrRecord] or are those of the reader below.
func (r *RecordReader) Next() ([]byte, error) {
	n, err := binary.ReadUvarint(r.r)
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil || n > 1<<40 {
		return nil, fmt.Errorf("%w: no length", ErrRecord)
	}
	r.buf.Reset()
	// What is not there is not allocated either, whatever the length says.
	if _, err := io.CopyN(&r.buf, r.r, int64(n)); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %d of %d bytes", ErrRecord, r.buf.Len(), n)
	} else if err != nil {
		return nil, err
	}
	return r.buf.Bytes(), nil
}

// AppendBytes appends a field for [Fields.Bytes]. Numbers are appended with
// [binary.AppendUvarint] and [binary.AppendVarint].
func AppendBytes[T string | []byte](b []byte, field T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// AppendHead begins the record of the content of a file: its size and a hash.
func AppendHead(size int64, sum []byte) []byte {
	return AppendBytes(binary.AppendUvarint(nil, uint64(size)), sum)
}

// Fields takes a record apart. After the first field that is not there all
// others are zero.
type Fields struct {
	rest []byte
	bad  bool
}

// NewFields returns the fields of a record.
func NewFields(record []byte) *Fields { return &Fields{rest: record} }

func (f *Fields) skip(n int) {
	if n <= 0 {
		f.bad, f.rest = true, nil
		return
	}
	f.rest = f.rest[n:]
}

// Uint returns the next field, a number without sign.
func (f *Fields) Uint() uint64 {
	v, n := binary.Uvarint(f.rest)
	f.skip(n)
	return v
}

// Int returns the next field, a number.
func (f *Fields) Int() int64 {
	v, n := binary.Varint(f.rest)
	f.skip(n)
	return v
}

// Size returns the next field, a number of bytes or of other things, which
// neither has a sign nor is beyond any that a file could have.
func (f *Fields) Size() int64 {
	v := f.Uint()
	if v >= 1<<62 {
		f.bad = true
		return 0
	}
	return int64(v)
}

// Bytes returns the next field, a part of the record.
func (f *Fields) Bytes() []byte {
	n := f.Uint()
	if n > uint64(len(f.rest)) {
		f.bad, f.rest = true, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

// Head reads what [AppendHead] wrote, the hash into sum. Errors wrap [ErrSize]
// if the file has not that size, else [ErrRecord].
func (f *Fields) Head(size int64, sum []byte) error {
	if got := f.Size(); got != size {
		return fmt.Errorf("%w: the content has %d bytes, not %d", ErrSize, got, size)
	}
	if n := copy(sum, f.Bytes()); n != len(sum) {
		return fmt.Errorf("%w: a checksum of %d bytes", ErrRecord, n)
	}
	return nil
}

// Count returns the next field, the number of things that follow, which take
// a byte each at least.
func (f *Fields) Count() int {
	n := f.Uint()
	if n > uint64(len(f.rest)) {
		f.bad, f.rest = true, nil
		return 0
	}
	return int(n)
}

// End returns an error that wraps [ErrRecord] if fields were missing or more
// follow.
func (f *Fields) End() error {
	if f.bad || len(f.rest) > 0 {
		return fmt.Errorf("%w: its fields are others", ErrRecord)
	}
	return nil
}
