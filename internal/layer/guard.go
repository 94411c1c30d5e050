package layer

import (
	"bufio"
	"fmt"
	"io"
	"sync/atomic"
)

// Content may be large, but not out of nothing: what is larger than freeSize
// must not be more than maxRatio times what is stored.
const (
	freeSize = 1 << 30
	maxRatio = 1000
)

// bloated tells whether so much content of so few stored bytes is meant to do
// harm.
func bloated(content, stored int64) bool {
	return content > freeSize && content/maxRatio > stored
}

func errBloated(content, stored int64) error {
	return fmt.Errorf("%w: %d bytes become more than %d; what is so empty should be made where it is used", ErrLimit, stored, content)
}

// guard compares what goes into decompression with what comes out.
type guard struct {
	stored *bufio.Reader
	// in is counted by whoever decompresses, out by the one who reads.
	in  atomic.Int64
	out int64
}

// input is what the decompressor reads.
func (g *guard) input() io.Reader { return (*guardInput)(g) }

// output is what z, which reads the input, delivers.
func (g *guard) output(z io.Reader) io.Reader { return &guardOutput{g, z} }

// guardInput is an [io.ByteReader], because decompressors would read ahead
// otherwise.
type guardInput guard

func (g *guardInput) Read(p []byte) (int, error) {
	n, err := g.stored.Read(p)
	g.in.Add(int64(n))
	return n, err
}

func (g *guardInput) ReadByte() (byte, error) {
	b, err := g.stored.ReadByte()
	if err == nil {
		g.in.Add(1)
	}
	return b, err
}

type guardOutput struct {
	g *guard
	z io.Reader
}

func (o *guardOutput) Read(p []byte) (int, error) {
	n, err := o.z.Read(p)
	o.g.out += int64(n)
	if in := o.g.in.Load(); bloated(o.g.out, in) {
		return n, errBloated(o.g.out, in)
	}
	return n, err
}
