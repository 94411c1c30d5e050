package erofs

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// zstdMaxContent is the most content of one cluster, and the window that the
// kernel has to keep memory for.
const (
	zstdWindowLog  = 18
	zstdMaxContent = 1 << zstdWindowLog
)

// zstdCompressor makes frames of zstd that are close to a size, by trying.
type zstdCompressor struct {
	e   *zstd.Encoder
	buf []byte
	// best is the largest frame so far that fits, of content bytes.
	best    []byte
	content int
}

func newZstd(level int) (*zstdCompressor, error) {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(zstdMaxContent),
		zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("start zstd: %w", err)
	}
	return &zstdCompressor{e: e}, nil
}

// fill compresses as much from the start of src as fits into dst, or a little
// less, and returns how much that is, and its length in dst. If hardly
// anything fits, what it returns is not smaller than the content.
func (c *zstdCompressor) fill(dst, src []byte) (consumed, size int) {
	limit := min(len(src), zstdMaxContent)
	c.best, c.content = c.best[:0], 0
	n := min(limit, 3*len(dst))
	for range 4 {
		c.buf = c.e.EncodeAll(src[:n], c.buf[:0])
		room := len(dst) - len(c.buf)
		if room >= 0 && n > c.content {
			c.best, c.buf, c.content = c.buf, c.best, n
		}
		if room >= 0 && (n == limit || room < len(dst)/64+32) {
			break
		}
		// The size grows a little faster than the content at times.
		next := min(int(float64(n)*float64(len(dst))/float64(len(dst)-room)*0.992), limit)
		if next <= c.content || next == 0 {
			break
		}
		n = next
	}
	if c.content == 0 {
		n := min(len(src), len(dst))
		return n, n
	}
	return c.content, copy(dst, c.best)
}
