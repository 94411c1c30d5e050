package erofs

import (
	"context"
	"crypto/sha256"
	"hash"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// format is the name of the format in errors.
const format = "erofs"

// writer makes one image.
type writer struct {
	sink *fsimage.Sink
	opts Options
	tree *fsimage.Tree[inodeData]

	pos      int64 // where the next block goes
	meta     metaRun
	inodes   uint32
	known    map[known]uint32 // the first block
	zeroAt   uint32           // of a segment of zeros, once there is one
	features uint32
	identity hash.Hash // of all that is in the image
}

type inode = fsimage.Inode[inodeData]
type node = fsimage.Node[inodeData]

// inodeData is what the writer keeps of each file.
type inodeData struct {
	nid     uint64 // where the inode is, in units of 32 bytes
	patched bool   // the number of links is written
	dir     *directory
}

// NewWriter returns a writer of an image.
func NewWriter(w fsimage.Target, opts Options) *fsimage.Writer {
	z := &writer{
		sink: fsimage.NewSink(w), opts: opts, tree: fsimage.NewTree[inodeData](), known: map[known]uint32{},
		pos: blockSize, identity: sha256.New(),
	}
	return fsimage.NewWriter(format, z.opts.complete(), z.add, z.writeEnd)
}

func (z *writer) add(ctx context.Context, e Entry, p *fsimage.Packed) error {
	i, err := z.tree.Add(e, z.opts.Time, checkXattrs)
	if err != nil || e.HardLink != "" {
		return err
	}
	switch e.Mode & fsimage.TypeMask {
	case fsimage.TypeDir:
		return nil
	case fsimage.TypeRegular:
		return z.place(ctx, i, p)
	case fsimage.TypeSymlink:
		return z.writeSymlink(i)
	}
	return z.addInode(i, z.inodeHead(i, layoutPlain, 0, i.Device(), 1), 0)
}

// allot returns the number of the next block and moves on.
func (z *writer) allot(blocks int) uint32 {
	at := uint32(z.pos / blockSize)
	z.pos += int64(blocks) * blockSize
	return at
}

func (z *writer) writeAt(b []byte, block uint32) error {
	return z.sink.Write(b, int64(block)*blockSize)
}
