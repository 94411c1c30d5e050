package squashfs

import (
	"context"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Writer makes one image. It is not for parallel use.
type Writer struct {
	sink *fsimage.Sink
	opts Options
	tree *fsimage.Tree[inodeData]
	err  error // of NewWriter or an earlier Add
	pos  int64 // where the next block goes
	size int64

	known     map[digest]*content
	fragments map[packedBlock]uint32 // numbers of blocks of small files
	entries   []fragmentEntry
}

type inode = fsimage.Inode[inodeData]
type node = fsimage.Node[inodeData]

// inodeData is what the writer keeps of each file.
type inodeData struct {
	content *content
	number  uint32
	written bool
	ref     uint64 // where the inode is
}

const superSize = 96

// NewWriter returns a writer of an image; Close has to be called in the end.
// Faults of the options are what the first Add and Close return.
func NewWriter(w fsimage.Target, opts Options) *Writer {
	z := &Writer{
		sink: fsimage.NewSink(w), opts: opts, tree: fsimage.NewTree[inodeData](), pos: superSize,
		known: map[digest]*content{}, fragments: map[packedBlock]uint32{},
	}
	z.err = z.opts.complete()
	return z
}

// Add puts an entry into the image, in any order: parents may come later or
// not at all. Its content comes from a pack that a packer with the same options
// made; files without any have none. Equal contents are stored once. The last
// entry of a name counts; what an earlier one of a file had as content remains
// in the image as dead bytes, so give final entries where that matters.
//
// Errors wrap [ErrUnsupported], [ErrOrder], [ErrSize] or those of the pack or
// the target; after an error the image cannot be completed.
func (z *Writer) Add(ctx context.Context, e Entry, p *fsimage.Packed) error {
	if z.err == nil {
		if err := z.add(ctx, e, p); err != nil {
			z.err = fmt.Errorf("squashfs: add %q: %w", e.Path, err)
		}
	}
	return z.err
}

func (z *Writer) add(ctx context.Context, e Entry, p *fsimage.Packed) error {
	i, err := z.tree.Add(e, z.opts.Time, checkXattrs)
	if err != nil || e.HardLink != "" || e.Mode&fsimage.TypeMask != fsimage.TypeRegular {
		return err
	}
	i.Data.content, err = z.place(ctx, e.Size, p)
	return err
}

// Close writes the tables. It returns the error of an earlier Add, if there was
// one.
func (z *Writer) Close(ctx context.Context) error {
	if z.err == nil && z.size == 0 {
		if err := z.writeTables(ctx); err != nil {
			z.err = fmt.Errorf("squashfs: write the tables: %w", err)
		}
	}
	return z.err
}

// Size is the length of the image, after Close.
func (z *Writer) Size() int64 { return z.size }
