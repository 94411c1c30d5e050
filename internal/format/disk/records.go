package disk

import "io"

// Records is an endless table of records of Width bytes that is computed when read,
// so that the tables of large disks need no memory.
type Records struct {
	Width int
	Put   func(record []byte, index int64) // record is zero when called
}

// ReadAt implements io.ReaderAt.
func (r Records) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	record := make([]byte, r.Width)
	width := int64(r.Width)
	for n := 0; n < len(p); {
		clear(record)
		at := offset + int64(n)
		r.Put(record, at/width)
		n += copy(p[n:], record[at%width:])
	}
	return len(p), nil
}
