package erofs

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

// The methods. The kernel needs CONFIG_EROFS_FS_ZIP for LZ4 and
// CONFIG_EROFS_FS_ZIP_ZSTD for Zstd.
const (
	LZ4  Compression = "lz4"
	Zstd Compression = "zstd"
	None Compression = "none"
)

// Options say how to make an image; the zero value is good.
type Options struct {
	// Compression is [LZ4] if it is not set.
	Compression Compression
	// Level is how much work to spend: 1 to 12 for LZ4, 6 if it is 0, and 1
	// to 22 for Zstd, 7 if it is 0. Levels of Zstd from 10 on take 40 MB of
	// memory and one core.
	Level int
	// ClusterSize is the size of compressed pieces: a power of two from 4 KiB
	// to 256 KiB, 64 KiB if it is 0. Larger ones make smaller images, smaller
	// ones quicker reads of single bytes.
	ClusterSize int
	// Time is that of the image, and of entries that have none. The zero
	// value is 1970.
	Time time.Time
	// Workers is the number of cores to compress on; 0 is all.
	Workers int
}

const (
	blockSize          = 4096
	defaultClusterSize = 64 << 10
)

func (o *Options) complete() error {
	if o.Compression == "" {
		o.Compression = LZ4
	}
	if o.ClusterSize == 0 {
		o.ClusterSize = defaultClusterSize
	}
	if bits.OnesCount(uint(o.ClusterSize)) != 1 || o.ClusterSize < blockSize || o.ClusterSize > 256<<10 {
		return fmt.Errorf("erofs: cluster size %d is no power of two from 4 KiB to 256 KiB", o.ClusterSize)
	}
	if o.Time.IsZero() {
		o.Time = time.Unix(0, 0)
	}
	return o.completeLevel()
}

func (o *Options) completeLevel() error {
	limits, ok := map[Compression][2]int{LZ4: {12, 6}, Zstd: {22, 7}, None: {1, 1}}[o.Compression]
	if !ok {
		return fmt.Errorf("erofs: unknown compression %q, use %s, %s or %s", o.Compression, LZ4, Zstd, None)
	}
	if o.Level == 0 {
		o.Level = limits[1]
	}
	if o.Level < 1 || o.Level > limits[0] {
		return fmt.Errorf("erofs: level %d of %s is not from 1 to %d", o.Level, o.Compression, limits[0])
	}
	o.Workers = fsimage.Workers(o.Workers, o.maxWorkers())
	return nil
}

// maxWorkers keeps the memory of the compressors and segments within 40 MB.
func (o *Options) maxWorkers() int {
	switch {
	case o.Compression != Zstd:
		return 8
	case o.Level < 10:
		return 4
	}
	return 1
}

// segmentSize is how much of a file is compressed by itself, and what a run
// of zeros has to fill to be left out.
func (o *Options) segmentSize() int {
	if o.Compression == None {
		return 64 << 10
	}
	return 1 << 20
}
