package fsimage

import (
	"context"
	"io"
	"os"
)

// Target is where an image goes to, a file for instance. If it has the method
// Truncate(int64) error, it is cut where the image ends.
type Target interface {
	io.WriterAt
}

// Sink writes an image to its target. Ranges of packs that follow each other in
// both are copied together, by the operating system if both are files.
type Sink struct {
	w    Target
	late span
}

// span is a range of a pack that is not yet copied.
type span struct {
	data         io.ReaderAt
	from, to, at int64
}

// copyMax is how much is copied between two looks at the context.
const copyMax = 64 << 20

// NewSink returns a sink that has to be finished.
func NewSink(w Target) *Sink { return &Sink{w: w} }

// Write writes b to a place of the image.
func (s *Sink) Write(b []byte, at int64) error {
	_, err := s.w.WriteAt(b, at)
	return err
}

// Copy copies length bytes of a pack, from a place there to one of the image.
func (s *Sink) Copy(ctx context.Context, p *Pack, from, length, at int64) error {
	l := &s.late
	if l.data == p.Data && l.to == from && l.at+l.to-l.from == at {
		l.to += length
	} else {
		if err := s.flush(ctx); err != nil {
			return err
		}
		s.late = span{p.Data, from, from + length, at}
	}
	if l.to-l.from < copyMax {
		return nil
	}
	return s.flush(ctx)
}

func (s *Sink) flush(ctx context.Context) error {
	l := s.late
	s.late = span{}
	for l.from < l.to {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.copy(l, min(l.to-l.from, copyMax))
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		l.from, l.at = l.from+n, l.at+n
	}
	return nil
}

// copy copies what is at the beginning of the span. Only files as such, at
// their offsets, are copied by the operating system.
func (s *Sink) copy(l span, length int64) (int64, error) {
	to, ok := s.w.(*os.File)
	from, both := l.data.(*os.File)
	if !ok || !both {
		return io.Copy(io.NewOffsetWriter(s.w, l.at), io.NewSectionReader(l.data, l.from, length))
	}
	if _, err := to.Seek(l.at, io.SeekStart); err != nil {
		return 0, err
	}
	if _, err := from.Seek(l.from, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(to, io.LimitReader(from, length))
}

// Finish ends the image at end, rounded up to a multiple of align, and returns
// its size. All before end has to be there.
func (s *Sink) Finish(ctx context.Context, end, align int64) (int64, error) {
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	size := (end + align - 1) / align * align
	if t, ok := s.w.(interface{ Truncate(size int64) error }); ok {
		if err := t.Truncate(size); err != nil {
			return 0, err
		}
	}
	return size, s.Write(make([]byte, size-end), end)
}
