package squashfs

import (
	"context"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// content tells where the content of regular files is.
type content struct {
	start  int64
	sizes  []uint32 // of the blocks as stored, with rawBit
	sparse int64    // bytes in blocks of zeros
	// fragment and offset tell where a small file is.
	fragment, offset uint32
}

const noFragment = 0xffffffff

// packedBlock is a block of small files in a pack.
type packedBlock struct {
	pack  *fsimage.Pack
	start int64
}

type fragmentEntry struct {
	start int64
	size  uint32
}

// place finds the content of a file in the image, or copies it there.
func (z *writer) place(ctx context.Context, size int64, p *fsimage.Packed) (*content, error) {
	if err := fsimage.CheckPacked(size, p); err != nil || p == nil {
		return &content{fragment: noFragment}, err
	}
	s, err := parseStored(p.Record, size)
	if err != nil {
		return nil, err
	}
	if c := z.known[s.sum]; c != nil {
		return c, nil
	}
	c, err := z.copy(ctx, p.Pack, s)
	z.known[s.sum] = c
	return c, err
}

func (z *writer) copy(ctx context.Context, p *fsimage.Pack, s *stored) (*content, error) {
	c := &content{sizes: s.sizes, sparse: s.sparse, fragment: noFragment, offset: s.place.offset}
	if s.place.block != nil {
		var err error
		c.fragment, err = z.fragment(ctx, p, s.place.block)
		return c, err
	}
	c.start = z.pos
	return c, z.append(ctx, p, s.start, s.length())
}

// fragment returns the number of a block of small files, which it copies when
// it sees the first one of them.
func (z *writer) fragment(ctx context.Context, p *fsimage.Pack, f *fragment) (uint32, error) {
	key := packedBlock{p, f.start}
	n, ok := z.fragments[key]
	if ok {
		return n, nil
	}
	n = uint32(len(z.entries))
	z.fragments[key] = n
	z.entries = append(z.entries, fragmentEntry{z.pos, f.size})
	return n, z.append(ctx, p, f.start, blockLength(f.size))
}

// append copies bytes of a pack to the end of the image so far.
func (z *writer) append(ctx context.Context, p *fsimage.Pack, from, length int64) error {
	at := z.pos
	z.pos += length
	return z.sink.Copy(ctx, p, from, length, at)
}

// write writes to the end of the image so far.
func (z *writer) write(b []byte) error {
	at := z.pos
	z.pos += int64(len(b))
	return z.sink.Write(b, at)
}
