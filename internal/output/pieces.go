package output

import (
	"context"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// pieceAlign is the boundary on which archives of the initrd begin, so that
// file systems that share blocks can share those of the cached segments. The
// kernel skips zero bytes between archives.
const pieceAlign = 4096

// pieces is content that is put together from files.
type pieces struct {
	extents []disk.Extent
	size    int64
}

// add appends content.
func (p *pieces) add(data io.ReaderAt, size int64) {
	p.extents = append(p.extents, disk.Extent{Offset: p.size, Length: size, Data: data})
	p.size += size
}

// addFile appends a file, on a boundary.
func (p *pieces) addFile(f *os.File) error {
	n, err := size(f)
	p.align()
	p.add(f, n)
	return err
}

func (p *pieces) align() { p.size = disk.Up(p.size, pieceAlign) }

func (p *pieces) image() (*disk.Image, error) { return disk.New(p.size, p.extents...) }

// image makes the file with that suffix an image.
func (s *fileSet) image(ctx context.Context, suffix string, im *disk.Image) error {
	return s.write(suffix, func(f *os.File) error { return im.WriteFile(ctx, f) })
}

// part is the content of the file with a suffix.
type part struct {
	suffix string
	blob
}

// blobs makes files, at the same time. No two may read from the same file.
func (s *fileSet) blobs(ctx context.Context, parts ...part) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		f, err := s.create(p.suffix)
		g.Go(func() error {
			if err != nil {
				return err
			}
			return p.writeFile(ctx, f)
		})
	}
	return g.Wait()
}

func (b blob) writeFile(ctx context.Context, f *os.File) error {
	im, err := disk.New(b.size, disk.Extent{Length: b.size, Data: b.data})
	if err != nil {
		return err
	}
	return im.WriteFile(ctx, f)
}
