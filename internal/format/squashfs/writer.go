package squashfs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Writer makes one image. It is not for parallel use.
type Writer struct {
	w    Target
	opts Options
	tree *fsimage.Tree[inodeData]
	pipe *fsimage.Pipeline[*job]
	free chan []byte // blocks to use again
	err  error       // of NewWriter or an earlier Add

	// What the caller's side knows.
	fragment  []byte // small files that are not yet a block
	fragments int    // blocks of them so far
	small     map[digest]*content

	// What the committing side knows.
	pos, high int64 // where the next block goes, and the end of all blocks
	entries   []fragmentEntry
	large     map[digest]*content
	size      int64
}

type digest = [sha256.Size]byte

type inode = fsimage.Inode[inodeData]
type node = fsimage.Node[inodeData]

// inodeData is what the writer keeps of each file.
type inodeData struct {
	content *content
	number  uint32
	written bool
	ref     uint64 // where the inode is
}

// content tells where the content of regular files is.
type content struct {
	start  int64
	sizes  []uint32 // of the blocks as stored, with rawBit
	sparse int64    // bytes in blocks of zeros
	// fragment and offset tell where a small file is.
	fragment, offset uint32
}

const (
	noFragment = 0xffffffff
	superSize  = 96
)

// NewWriter returns a writer of an image; Close has to be called whatever
// happens. Faults of the options are what the first Add and Close return.
func NewWriter(w Target, opts Options) *Writer {
	z := &Writer{
		w: w, opts: opts, tree: fsimage.NewTree[inodeData](),
		small: map[digest]*content{}, large: map[digest]*content{}, pos: superSize, high: superSize,
	}
	if z.err = z.opts.complete(); z.err != nil {
		return z
	}
	z.free = make(chan []byte, 4*z.opts.Workers+8)
	z.pipe = fsimage.NewPipeline(z.opts.Workers, z.startWorker, z.commit)
	return z
}

// Add puts an entry into the image, in any order: parents may come later or
// not at all. The last entry of a name counts; what an earlier one of a file
// had as content remains in the image as dead bytes, so give final entries
// where that matters. Content is read to its end, which has to be at e.Size.
//
// Errors wrap [ErrUnsupported], [ErrOrder], [ErrSize] or those of the reader
// or the target; after an error the image cannot be completed.
func (z *Writer) Add(ctx context.Context, e Entry, r io.Reader) error {
	if z.err == nil {
		if err := z.add(ctx, e, r); err != nil {
			z.err = fmt.Errorf("squashfs: add %q: %w", e.Path, err)
		}
	}
	return z.err
}

func (z *Writer) add(ctx context.Context, e Entry, r io.Reader) error {
	if err := e.Check(); err != nil {
		return err
	}
	if e.ModTime.IsZero() {
		e.ModTime = z.opts.Time
	}
	if e.HardLink == "" {
		if err := checkXattrs(e.Xattrs); err != nil {
			return err
		}
	}
	i, err := z.tree.Add(e)
	if err != nil || e.HardLink != "" || e.Mode&fsimage.TypeMask != fsimage.TypeRegular {
		return err
	}
	i.Data.content = &content{fragment: noFragment}
	return z.addContent(ctx, i, fsimage.NewContent(r, e.Size))
}

func (z *Writer) addContent(ctx context.Context, i *inode, r *fsimage.Content) error {
	if i.Size < int64(z.opts.BlockSize) {
		return z.addSmall(ctx, i, r)
	}
	return z.addLarge(ctx, i, r)
}

// Close writes what is left and the tables. It returns the error of an
// earlier Add, if there was one.
func (z *Writer) Close() error {
	if z.pipe == nil {
		return z.err
	}
	z.flushFragment()
	if err := z.pipe.Close(); z.err == nil && err != nil {
		z.err = fmt.Errorf("squashfs: %w", err)
	}
	if z.err == nil && z.size == 0 {
		if err := z.writeTables(); err != nil {
			z.err = fmt.Errorf("squashfs: write the tables: %w", err)
		}
	}
	return z.err
}

// Size is the length of the image, after Close.
func (z *Writer) Size() int64 { return z.size }
