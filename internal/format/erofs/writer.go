package erofs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Writer makes one image. It is not for parallel use.
type Writer struct {
	w    Target
	opts Options
	tree *fsimage.Tree[inodeData]
	pipe *fsimage.Pipeline[*job]
	free chan []byte // segments to use again
	err  error       // of NewWriter or an earlier Add
	size int64

	// What the committing side knows.
	pos, high int64 // where the next block goes, and the end of all blocks
	meta      metaRun
	inodes    uint32
	known     map[digest]stored
	zero      *segment // a whole one of zeros, once there is one
	zeroAt    uint32
	features  uint32
	identity  hash.Hash // of all that is in the image
}

type digest = [sha256.Size]byte

type inode = fsimage.Inode[inodeData]
type node = fsimage.Node[inodeData]

// inodeData is what the writer keeps of each file.
type inodeData struct {
	nid     uint64 // where the inode is, in units of 32 bytes
	patched bool   // the number of links is written
	dir     *directory
}

// stored tells where the content of a file is.
type stored struct{ at, blocks uint32 }

// NewWriter returns a writer of an image; Close has to be called whatever
// happens. Faults of the options are what the first Add and Close return.
func NewWriter(w Target, opts Options) *Writer {
	z := &Writer{
		w: w, opts: opts, tree: fsimage.NewTree[inodeData](), known: map[digest]stored{},
		pos: blockSize, high: blockSize, identity: sha256.New(),
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
// took remains in the image as dead bytes, so give final entries where that
// matters. Content is read to its end, which has to be at e.Size.
//
// Errors wrap [ErrUnsupported], [ErrOrder], [ErrSize] or those of the reader
// or the target; after an error the image cannot be completed.
func (z *Writer) Add(ctx context.Context, e Entry, r io.Reader) error {
	if z.err == nil {
		if err := z.add(ctx, e, r); err != nil {
			z.err = fmt.Errorf("erofs: add %q: %w", e.Path, err)
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
		if err := checkXattrs(e.Path, e.Xattrs); err != nil {
			return err
		}
	}
	i, err := z.tree.Add(e)
	if err != nil || e.HardLink != "" {
		return err
	}
	switch e.Mode & fsimage.TypeMask {
	case fsimage.TypeDir:
		return nil
	case fsimage.TypeRegular:
		return z.addContent(ctx, i, fsimage.NewContent(r, e.Size))
	}
	return z.pipe.Submit(&job{file: &file{inode: i}, last: true})
}

// Close writes what is left, the directories and the superblock. It returns
// the error of an earlier Add, if there was one.
func (z *Writer) Close() error {
	if z.pipe == nil {
		return z.err
	}
	if err := z.pipe.Close(); z.err == nil && err != nil {
		z.err = fmt.Errorf("erofs: %w", err)
	}
	if z.err == nil && z.size == 0 {
		if err := z.writeEnd(); err != nil {
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
	at := int64(block) * blockSize
	_, err := z.w.WriteAt(b, at)
	z.high = max(z.high, at+int64(len(b)))
	return err
}
