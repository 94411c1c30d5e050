package layer

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// chunks is the content of a small layer.
type chunks struct {
	list   [][]byte
	size   int64
	budget *atomic.Int64
}

var chunkPool = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// fill reads r into memory. It reports whether that was all of it: if not, the
// budget is used up and r goes on behind what was read.
func fill(r io.Reader, budget *atomic.Int64) (c *chunks, all bool, err error) {
	c = &chunks{budget: budget}
	for c.take() {
		buf := c.list[len(c.list)-1]
		for n := 0; n < len(buf); {
			m, err := r.Read(buf[n:])
			n += m
			c.size += int64(m)
			if err == io.EOF {
				return c, true, nil
			}
			if err != nil {
				return c, false, err
			}
		}
	}
	return c, false, nil
}

// take adds a chunk if the budget allows.
func (c *chunks) take() bool {
	if c.budget.Add(-chunkSize) < 0 {
		c.budget.Add(chunkSize)
		return false
	}
	c.list = append(c.list, chunkPool.Get().(*[chunkSize]byte)[:])
	return true
}

func (c *chunks) free() {
	for _, buf := range c.list {
		chunkPool.Put((*[chunkSize]byte)(buf))
	}
	c.budget.Add(chunkSize * int64(len(c.list)))
	c.list = nil
}

func (c *chunks) reader() *chunkReader { return &chunkReader{c: c} }

// chunkReader reads chunks; it is an [io.Seeker], so that skipping is free.
type chunkReader struct {
	c        *chunks
	position int64
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if r.position >= r.c.size {
		return 0, io.EOF
	}
	buf := r.c.list[r.position/chunkSize][r.position%chunkSize:]
	n := copy(p[:min(int64(len(p)), r.c.size-r.position)], buf)
	r.position += int64(n)
	return n, nil
}

func (r *chunkReader) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || r.position+offset < 0 {
		return 0, fmt.Errorf("seek in layer: only relative moves are possible")
	}
	r.position += offset
	return r.position, nil
}

// joined reads what was kept of a layer and then the rest of it.
type joined struct {
	head *chunkReader
	rest io.ReadSeeker
}

func (j *joined) Read(p []byte) (int, error) {
	if n, err := j.head.Read(p); err == nil {
		return n, nil
	}
	return j.rest.Read(p)
}

func (j *joined) Seek(offset int64, whence int) (int64, error) {
	left := j.head.c.size - j.head.position
	if left > 0 && offset <= left {
		return j.head.Seek(offset, whence)
	}
	j.head.position = j.head.c.size
	// The position of the rest counts from the beginning of all.
	return j.rest.Seek(offset-left, whence)
}
