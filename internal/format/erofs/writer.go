package erofs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Writer makes one image. It is not for parallel use.
type Writer struct {
	sink *fsimage.Sink
	opts Options
	tree *fsimage.Tree[inodeData]
	err  error // of NewWriter or an earlier Add
	size int64

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

// NewWriter returns a writer of an image; Close has to be called in the end.
// Faults of the options are what the first Add and Close return.
func NewWriter(w fsimage.Target, opts Options) *Writer {
	z := &Writer{
		sink: fsimage.NewSink(w), opts: opts, tree: fsimage.NewTree[inodeData](), known: map[known]uint32{},
		pos: blockSize, identity: sha256.New(),
	}
	z.err = z.opts.complete()
	return z
}

// Add puts an entry into the image, in any order: parents may come later or
// not at all. Its content comes from a pack that a packer with the same options
// made; files without any have none. Equal contents are stored once. The last
// entry of a name counts; what an earlier one of a file took remains in the
// image as dead bytes, so give final entries where that matters.
//
// Errors wrap [ErrUnsupported], [ErrOrder], [ErrSize] or those of the pack or
// the target; after an error the image cannot be completed.
func (z *Writer) Add(ctx context.Context, e Entry, p *fsimage.Packed) error {
	if z.err == nil {
		if err := z.add(ctx, e, p); err != nil {
			z.err = fmt.Errorf("erofs: add %q: %w", e.Path, err)
		}
	}
	return z.err
}

func (z *Writer) add(ctx context.Context, e Entry, p *fsimage.Packed) error {
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

// Close writes the directories and the superblock. It returns the error of an
// earlier Add, if there was one.
func (z *Writer) Close(ctx context.Context) error {
	if z.err == nil && z.size == 0 {
		if err := z.writeEnd(ctx); err != nil {
			z.err = fmt.Errorf("erofs: write the directories: %w", err)
		}
	}
	return z.err
}

// Size is the length of the image, after Close.
func (z *Writer) Size() int64 { return z.size }

// allot returns the number of the next block and moves on.
func (z *Writer) allot(blocks int) uint32 {
	at := uint32(z.pos / blockSize)
	z.pos += int64(blocks) * blockSize
	return at
}

func (z *Writer) writeAt(b []byte, block uint32) error {
	return z.sink.Write(b, int64(block)*blockSize)
}
