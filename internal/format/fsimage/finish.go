package fsimage

import "io"

// Finish ends an image at pos, rounded up to a multiple of align, where bytes
// up to high have been written: what is beyond pos becomes zeros, and the
// target is cut if it has the method Truncate. It returns the size of the
// image.
func Finish(w io.WriterAt, pos, high, align int64) (int64, error) {
	end := (pos + align - 1) / align * align
	if t, ok := w.(interface{ Truncate(size int64) error }); ok {
		if err := t.Truncate(end); err != nil {
			return 0, err
		}
		high = min(high, end)
	}
	for at := pos; at < max(high, end); {
		n, err := w.WriteAt(zeros[:min(max(high, end)-at, int64(len(zeros)))], at)
		if err != nil {
			return 0, err
		}
		at += int64(n)
	}
	return end, nil
}
