package layer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// memoryBudget is how much decompressed content one call of Flatten keeps
	// in memory for its second pass.
	memoryBudget = 8 << 20
	chunkSize    = 256 << 10
	// maxWindow is the most memory a zstd frame may ask for, that of --long.
	maxWindow = 128 << 20
)

// source is one layer, with its decompressed content if that is small.
type source struct {
	Blob
	budget *atomic.Int64
	memory *chunks
}

type sources []*source

func newSources(layers []Blob) sources {
	budget := new(atomic.Int64)
	budget.Store(memoryBudget)
	all := make(sources, len(layers))
	for i, l := range layers {
		all[i] = &source{Blob: l, budget: budget}
	}
	return all
}

func (s sources) close() {
	for _, src := range s {
		src.release()
	}
}

func (s *source) release() {
	if s.memory != nil {
		s.memory.free()
		s.memory = nil
	}
}

func (b *Blob) wrap(err error) error {
	return fmt.Errorf("read layer %s: %w", b.Digest, err)
}

// open returns the tar archive of the layer.
func (s *source) open(ctx context.Context, ahead bool) (io.ReadSeekCloser, error) {
	if s.memory != nil {
		return nopCloser{s.memory.reader()}, nil
	}
	raw, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := decompress(ctx, raw, ahead)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return r, nil
}

// first calls read with the archive and keeps its content for open, if that is
// small and costs something to get again.
func (s *source) first(ctx context.Context, read func(io.ReadSeeker) error) error {
	r, err := s.open(ctx, false)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, ok := r.(*plainFile); ok {
		return read(r)
	}
	c, all, err := fill(r, s.budget)
	if err == nil {
		err = read(&joined{head: c.reader(), rest: r})
	}
	if err != nil || !all {
		c.free()
		return err
	}
	s.memory = c
	return nil
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// stream is a decompressed layer. Its Seek moves forward only.
type stream struct {
	*bufio.Reader
	position int64
	closers  []func()
}

func (s *stream) Close() error {
	for _, c := range s.closers {
		c()
	}
	return nil
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.position += int64(n)
	return n, err
}

// Seek skips content without copying it; package tar makes use of that.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return 0, fmt.Errorf("seek in layer: only forward moves are possible")
	}
	for offset > 0 {
		n, err := s.Discard(int(min(offset, 1<<30)))
		s.position += int64(n)
		offset -= int64(n)
		if err != nil {
			return s.position, unexpected(err)
		}
	}
	return s.position, nil
}

// unexpected makes an error of an end of input, which package tar would take
// for the end of the archive.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// plainFile is a tar archive that is not compressed and can be skipped in.
type plainFile struct {
	*bufio.Reader
	ctx  context.Context
	file io.ReadSeekCloser
	// position is that of the reader, behind that of the file.
	position int64
}

func (p *plainFile) Close() error { return p.file.Close() }

func (p *plainFile) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.position += int64(n)
	return n, err
}

func (p *plainFile) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return 0, fmt.Errorf("seek in layer: only forward moves are possible")
	}
	if offset <= int64(p.Buffered()) {
		n, err := p.Discard(int(offset))
		p.position += int64(n)
		return p.position, unexpected(err)
	}
	if _, err := p.file.Seek(offset-int64(p.Buffered()), io.SeekCurrent); err != nil {
		return p.position, err
	}
	p.position += offset
	p.Reset(&contextReader{p.ctx, p.file})
	return p.position, nil
}

// contextReader fails when its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

var readerPool = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, chunkSize) }}

// decompress returns the archive in raw, which it closes when it is closed
// itself. With ahead, decompression runs beside the reading.
func decompress(ctx context.Context, raw io.ReadCloser, ahead bool) (io.ReadSeekCloser, error) {
	g := &guard{raw: raw}
	buffered := bufio.NewReaderSize(&contextReader{ctx, g}, 64<<10)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gunzip(buffered, g, raw, ahead)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), isSkippable(magic):
		return unzstd(buffered, g, raw)
	}
	if f, ok := raw.(io.ReadSeekCloser); ok && canSeek(f) {
		return &plainFile{Reader: buffered, ctx: ctx, file: f}, nil
	}
	return newStream(buffered, func() { raw.Close() }), nil
}

func canSeek(s io.Seeker) bool {
	_, err := s.Seek(0, io.SeekCurrent)
	return err == nil
}

// isSkippable tells whether a zstd file begins with a frame of user data.
func isSkippable(magic []byte) bool {
	return len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18})
}

func newStream(r io.Reader, closers ...func()) *stream {
	buffered := readerPool.Get().(*bufio.Reader)
	buffered.Reset(r)
	s := &stream{Reader: buffered, closers: closers}
	s.closers = append(s.closers, func() {
		buffered.Reset(nil)
		readerPool.Put(buffered)
	})
	return s
}

var gzipPool sync.Pool

func gunzip(r io.Reader, g *guard, raw io.Closer, ahead bool) (io.ReadSeekCloser, error) {
	z, _ := gzipPool.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	if err := z.Reset(r); err != nil {
		gzipPool.Put(z)
		return nil, fmt.Errorf("%w: gzip header: %w", ErrInvalid, err)
	}
	done := func() {
		raw.Close()
		gzipPool.Put(z)
	}
	if !ahead {
		return newStream(g.output(z), done), nil
	}
	a := newAhead(g.output(z))
	return newStream(a, a.stop, done), nil
}

var zstdPool sync.Pool

func unzstd(r io.Reader, g *guard, raw io.Closer) (io.ReadSeekCloser, error) {
	z, _ := zstdPool.Get().(*zstd.Decoder)
	if z == nil {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
	}
	if err := z.Reset(r); err != nil {
		return nil, fmt.Errorf("%w: zstd header: %w", ErrInvalid, err)
	}
	return newStream(g.output(z), func() {
		// Resetting ends the goroutines that read raw.
		_ = z.Reset(nil)
		raw.Close()
		zstdPool.Put(z)
	}), nil
}
