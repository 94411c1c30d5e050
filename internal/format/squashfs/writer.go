package squashfs

import (
	"context"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// format is the name of the format in errors.
const format = "squashfs"

// writer makes one image.
type writer struct {
	sink *fsimage.Sink
	opts Options
	tree *fsimage.Tree[inodeData]
	pos  int64 // where the next block goes

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

// NewWriter returns a writer of an image.
func NewWriter(w fsimage.Target, opts Options) *fsimage.Writer {
	z := &writer{
		sink: fsimage.NewSink(w), opts: opts, tree: fsimage.NewTree[inodeData](), pos: superSize,
		known: map[digest]*content{}, fragments: map[packedBlock]uint32{},
	}
	return fsimage.NewWriter(format, z.opts.complete(), z.add, z.writeTables)
}

func (z *writer) add(ctx context.Context, e Entry, p *fsimage.Packed) error {
	i, err := z.tree.Add(e, z.opts.Time, checkXattrs)
	if err != nil || e.HardLink != "" || e.Mode&fsimage.TypeMask != fsimage.TypeRegular {
		return err
	}
	i.Data.content, err = z.place(ctx, e.Size, p)
	return err
}
