package fsimagetest

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Format is an encoder of images whose content is packed first.
type Format struct {
	Packer func(data, table io.Writer) *fsimage.Packer
	Writer func() *fsimage.Writer
}

// NewWriter returns a writer that packs all content, in packs of so many files
// if that is not zero, and makes the image when it is closed.
func (f Format) NewWriter(files int) Writer { return &steps{f: f, w: f.Writer(), most: files} }

type steps struct {
	f     Format
	w     *fsimage.Writer
	most  int
	packs []*onePack
	all   []packedEntry
	err   error
}

type onePack struct {
	packer      *fsimage.Packer
	data, table *os.File
	pack        *fsimage.Pack
	files       int
}

type packedEntry struct {
	fsimage.Entry
	from *onePack
}

func (s *steps) Add(ctx context.Context, e fsimage.Entry, content io.Reader) error {
	if s.err != nil {
		return s.err
	}
	p := packedEntry{Entry: e}
	if content != nil && e.HardLink == "" {
		if s.err = s.pack(ctx, &p, content); s.err != nil {
			return s.err
		}
	}
	s.all = append(s.all, p)
	return nil
}

func (s *steps) pack(ctx context.Context, e *packedEntry, content io.Reader) error {
	if len(s.packs) == 0 || s.most > 0 && s.packs[len(s.packs)-1].files == s.most {
		if err := s.open(); err != nil {
			return err
		}
	}
	p := s.packs[len(s.packs)-1]
	p.files++
	if e.Size > 0 {
		e.from = p
	}
	return p.packer.Add(ctx, e.Size, content)
}

func (s *steps) open() error {
	if len(s.packs) > 0 {
		if err := s.packs[len(s.packs)-1].packer.Close(); err != nil {
			return err
		}
	}
	var p onePack
	for _, f := range []**os.File{&p.data, &p.table} {
		var err error
		if *f, err = os.CreateTemp("", "pack"); err != nil {
			return err
		}
		os.Remove((*f).Name())
	}
	p.packer = s.f.Packer(p.data, p.table)
	s.packs = append(s.packs, &p)
	return nil
}

func (s *steps) Close() error {
	for _, p := range s.packs {
		s.err = errors.Join(s.err, p.packer.Close())
		if _, err := p.table.Seek(0, io.SeekStart); err != nil {
			return err
		}
		p.pack = fsimage.NewPack(p.data, p.table)
		defer p.data.Close()
		defer p.table.Close()
	}
	if s.err == nil {
		s.err = s.write(context.Background())
	}
	return s.err
}

func (s *steps) write(ctx context.Context) error {
	for _, e := range s.all {
		var c *fsimage.Packed
		if e.from != nil {
			var err error
			if c, err = e.from.pack.Next(); err != nil {
				return err
			}
		}
		if err := s.w.Add(ctx, e.Entry, c); err != nil {
			return err
		}
	}
	return s.w.Close(ctx)
}

func (s *steps) Size() int64 { return s.w.Size() }
