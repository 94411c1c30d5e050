package squashfs

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Entry is one name of an image.
type Entry = fsimage.Entry

// Errors that those of this package wrap.
var (
	ErrUnsupported = fsimage.ErrUnsupported
	ErrOrder       = fsimage.ErrOrder
	ErrSize        = fsimage.ErrSize
)

// Compression is a method of compression.
type Compression string

// The methods. The kernel needs CONFIG_SQUASHFS_ZSTD and CONFIG_SQUASHFS_ZLIB.
const (
	Zstd Compression = "zstd"
	Gzip Compression = "gzip"
)

// Options say how to make an image; the zero value is good.
type Options struct {
	// Compression is [Zstd] if it is not set.
	Compression Compression
	// Level is that of the zstd or gzip command; 0 is 7 for zstd and 9 for
	// gzip. Levels of zstd from 10 on take 40 MB of memory and one core.
	Level int
	// BlockSize is the size of the pieces of content that are compressed by
	// themselves: a power of two from 4 KiB to 1 MiB, 128 KiB if it is 0.
	BlockSize int
	// Time is that of the image, and of entries that have none. The zero
	// value is 1970.
	Time time.Time
	// Workers is the number of cores to compress on; 0 is all.
	Workers int
}

const defaultBlockSize = 128 << 10

func (o *Options) complete() error {
	if o.Compression == "" {
		o.Compression = Zstd
	}
	if o.Compression != Zstd && o.Compression != Gzip {
		return fmt.Errorf("squashfs: unknown compression %q, use %s or %s", o.Compression, Zstd, Gzip)
	}
	if o.BlockSize == 0 {
		o.BlockSize = defaultBlockSize
	}
	if bits.OnesCount(uint(o.BlockSize)) != 1 || o.BlockSize < 4<<10 || o.BlockSize > 1<<20 {
		return fmt.Errorf("squashfs: block size %d is no power of two from 4 KiB to 1 MiB", o.BlockSize)
	}
	if o.Time.IsZero() {
		o.Time = time.Unix(0, 0)
	}
	return o.completeLevel()
}

func (o *Options) completeLevel() error {
	highest, usual := 22, 7
	if o.Compression == Gzip {
		highest, usual = 9, 9
	}
	if o.Level == 0 {
		o.Level = usual
	}
	if o.Level < 1 || o.Level > highest {
		return fmt.Errorf("squashfs: level %d of %s is not from 1 to %d", o.Level, o.Compression, highest)
	}
	o.Workers = fsimage.Workers(o.Workers, o.maxWorkers())
	return nil
}

// maxWorkers keeps the memory of the compressors and blocks within 40 MB.
func (o *Options) maxWorkers() int {
	each := 5 << 20
	if o.Compression == Gzip {
		each = 2 << 20
	} else if o.Level >= 10 {
		each = 36 << 20
	}
	return 40 << 20 / (each + 2*o.BlockSize)
}
