package erofs

import (
	"context"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// file is a file whose content gets its place in the image.
type file struct {
	stored
	inode *inode
}

// known is what the place of a content depends on.
type known struct {
	sum digest
	// tail tells that the tail has a block.
	tail bool
}

// place finds the content of a file in the image, or copies it there, and
// writes the inode.
func (z *writer) place(ctx context.Context, i *inode, p *fsimage.Packed) error {
	f := &file{inode: i}
	if err := fsimage.CheckPacked(i.Size, p); err != nil {
		return err
	}
	if p != nil {
		s, err := parseStored(p.Record, i.Size)
		if err != nil {
			return err
		}
		f.stored = *s
	}
	z.identity.Write(f.sum[:])
	if f.holes && !f.data {
		return z.writeHole(i)
	}
	if err := z.placeBlocks(ctx, f, p); err != nil {
		return err
	}
	return z.writeRegular(f)
}

// placeBlocks gives all extents but those of zeros their place in the image.
func (z *writer) placeBlocks(ctx context.Context, f *file, p *fsimage.Packed) error {
	key := known{f.sum, z.needsBlock(f)}
	var last []byte
	if key.tail {
		last = f.settleTail()
	}
	if f.blocks == 0 {
		return nil
	}
	at, ok := z.known[key]
	if !ok {
		at = z.allot(int(f.blocks))
		z.known[key] = at
		if err := z.copyBlocks(ctx, f, p, at, last); err != nil {
			return err
		}
	}
	for i := range f.extents {
		if !f.extents[i].zero {
			f.extents[i].at += at
		}
	}
	return nil
}

// copyBlocks copies the blocks of a file, of which the last may be one that the
// pack does not have.
func (z *writer) copyBlocks(ctx context.Context, f *file, p *fsimage.Packed, at uint32, last []byte) error {
	packed := int64(f.blocks) * blockSize
	if last != nil {
		packed -= blockSize
		if err := z.writeAt(last, at+f.blocks-1); err != nil {
			return err
		}
	}
	if packed == 0 {
		return nil
	}
	return z.sink.Copy(ctx, p.Pack, int64(f.start)*blockSize, packed, int64(at)*blockSize)
}

// needsBlock tells whether the tail cannot be beside the inode.
func (z *writer) needsBlock(f *file) bool {
	beside := inodeSize+xattrSize(f.inode.Xattrs)+len(f.tail.data) <= blockSize
	return f.tail.plain && (z.opts.Compression == None && f.holes || f.flat() && !beside)
}

// settleTail makes the tail an extent, whose block it returns.
func (f *file) settleTail() []byte {
	block := append(make([]byte, 0, blockSize), f.tail.data...)[:blockSize]
	f.extents = append(f.extents, extent{length: f.tail.length, blocks: 1, at: f.blocks, plain: true})
	f.blocks++
	f.tail = tail{}
	return block
}

// placeZeros writes the blocks that all compressed segments of zeros have in
// common before their first use.
func (z *writer) placeZeros(f *file) error {
	if z.zeroAt == 0 {
		s, err := z.opts.zeroSegment()
		if err != nil {
			return err
		}
		z.zeroAt = z.allot(len(s.blocks) / blockSize)
		if err := z.writeAt(s.blocks, z.zeroAt); err != nil {
			return err
		}
	}
	z.features |= featureDedupe
	for i := range f.extents {
		if f.extents[i].zero {
			f.extents[i].at += z.zeroAt
		}
	}
	return nil
}

// flat tells whether all content is stored as it is in blocks that follow each
// other, but for the tail.
func (f *file) flat() bool {
	for i, e := range f.extents {
		if !e.plain || e.zero || e.at != f.extents[0].at+uint32(i) {
			return false
		}
	}
	return len(f.tail.data) == 0 || f.tail.plain
}
