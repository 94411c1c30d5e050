package squashfs

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// compressor compresses one piece at a time; it is not for parallel use.
type compressor interface {
	// compress appends to dst, which has no content.
	compress(dst, src []byte) ([]byte, error)
}

func (o *Options) compressor() (compressor, error) {
	if o.Compression == Gzip {
		w, err := zlib.NewWriterLevel(nil, o.Level)
		return &gzipCompressor{w: w}, err
	}
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(o.Level)),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(max(o.BlockSize, metaSize)),
		zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("squashfs: start zstd: %w", err)
	}
	return &zstdCompressor{e}, nil
}

func (o *Options) compressorID() uint16 {
	if o.Compression == Gzip {
		return 1
	}
	return 6
}

type zstdCompressor struct{ e *zstd.Encoder }

func (c *zstdCompressor) compress(dst, src []byte) ([]byte, error) {
	return c.e.EncodeAll(src, dst), nil
}

type gzipCompressor struct{ w *zlib.Writer }

func (c *gzipCompressor) compress(dst, src []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	c.w.Reset(out)
	if _, err := c.w.Write(src); err != nil {
		return nil, err
	}
	err := c.w.Close()
	return out.Bytes(), err
}
