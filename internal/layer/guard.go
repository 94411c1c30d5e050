package layer

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Content may be large, but not out of nothing: what is larger than the free
// size must not be more than maxRatio times what is stored. Sparse files may be
// larger than what is merely compressed.
const (
	freeSize  = 1 << 30
	freeHoles = 64 << 30
	maxRatio  = 1000
)

// bloated tells whether so much content of so few stored bytes is meant to do
// harm.
func bloated(content, stored, free int64) bool {
	return content > free && content/maxRatio > stored
}

func errBloated(content, stored int64) error {
	return fmt.Errorf("%w: %d bytes become more than %d; what is so empty should be made where it is used", ErrLimit, stored, content)
}

// guard compares what goes into decompression with what comes out.
type guard struct {
	raw io.Reader
	// in is counted by whoever decompresses, out by the one who reads.
	in  atomic.Int64
	out int64
}

// Read reads what is stored.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.raw.Read(p)
	g.in.Add(int64(n))
	return n, err
}

// output is what z, which decompresses what g reads, delivers.
func (g *guard) output(z io.Reader) io.Reader { return &guarded{g, z} }

type guarded struct {
	g *guard
	z io.Reader
}

func (o *guarded) Read(p []byte) (int, error) {
	n, err := o.z.Read(p)
	o.g.out += int64(n)
	if in := o.g.in.Load(); bloated(o.g.out, in, freeSize) {
		return n, errBloated(o.g.out, in)
	}
	return n, err
}
