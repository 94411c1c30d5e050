package iso9660

import (
	"fmt"
	"math"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Builder collects the entries of an image. It is not for parallel use.
type Builder struct {
	opts  Options
	err   error // of New or an earlier Add
	tree  *fsimage.Tree[inodeData]
	files map[string]*inode // regular ones by path
	order []*inode          // those with content, as they were added
}

type inode = fsimage.Inode[inodeData]
type node = fsimage.Node[inodeData]

// inodeData is what the builder keeps of each file.
type inodeData struct {
	path   string // of a file with content
	number uint32 // serial number
	sector uint32 // where the content is
	of     *inode // the file that the content is a part of
	offset int64
}

// New returns a builder. Faults of the options are what Add and Layout return.
func New(opts Options) *Builder {
	b := &Builder{opts: opts, tree: fsimage.NewTree[inodeData](), files: map[string]*inode{}}
	b.opts.Boot = append([]Boot(nil), opts.Boot...)
	if err := b.opts.complete(); err != nil {
		b.err = fmt.Errorf("iso9660: %w", err)
	}
	return b
}

// Add puts an entry into the image, in any order: parents may come later or
// not at all, and the last entry of a name counts. [Image.Disk] asks for the
// content.
//
// Errors wrap [ErrUnsupported] or [ErrOrder]; after an error the image cannot
// be completed.
func (b *Builder) Add(e Entry) error {
	return b.add(e, "")
}

// AddPart is Add for a regular file whose content is a part of another one's,
// such as a file inside of the image of a file system: it begins offset bytes,
// a multiple of [Sector], into the file that was added as of.
func (b *Builder) AddPart(e Entry, of string, offset int64) error {
	if err := b.add(e, of); err != nil {
		return err
	}
	if err := b.setPart(e, of, offset); err != nil {
		b.err = fmt.Errorf("iso9660: add %q as part of %q: %w", e.Path, of, err)
	}
	return b.err
}

func (b *Builder) setPart(e Entry, of string, offset int64) error {
	i, whole := b.files[e.Path], b.files[of]
	switch {
	case i == nil || e.HardLink != "":
		return fmt.Errorf("%w: only a regular file can be a part", ErrUnsupported)
	case whole == nil || whole == i:
		return fmt.Errorf("%w: there is no such file", ErrOrder)
	case offset < 0 || offset%Sector != 0 || e.Size > whole.Size-offset:
		return fmt.Errorf("%w: %d bytes at %d of %d", ErrUnsupported, e.Size, offset, whole.Size)
	}
	i.Data.of, i.Data.offset = whole, offset
	return nil
}

func (b *Builder) add(e Entry, of string) error {
	if b.err != nil {
		return b.err
	}
	if err := b.put(e, of); err != nil {
		b.err = fmt.Errorf("iso9660: add %q: %w", e.Path, err)
	}
	return b.err
}

func (b *Builder) put(e Entry, of string) error {
	i, err := b.tree.Add(e, b.opts.Time, nil)
	if err != nil {
		return err
	}
	delete(b.files, e.Path)
	if i.Mode&fsimage.TypeMask != fsimage.TypeRegular {
		return nil
	}
	b.files[e.Path] = i
	if e.HardLink == "" && e.Size > 0 && of == "" {
		i.Data.path = e.Path
		b.order = append(b.order, i)
	}
	return nil
}

// contentAlign is the boundary in sectors on which content begins that is
// worth sharing with the file it comes from.
const contentAlign, worthSharing = 2, 64 << 10

// place gives content its sectors, from first on, and returns the end.
func (b *Builder) place(first int64) (files []*inode, end int64, err error) {
	for _, i := range b.order {
		if i.Links == 0 { // another entry has replaced it
			continue
		}
		if i.Size >= worthSharing {
			first = up(first, contentAlign)
		}
		i.Data.sector = uint32(first)
		first += sectors(i.Size)
		if first > math.MaxUint32 {
			return nil, 0, fmt.Errorf("%w: an image of more than 8 TiB", ErrUnsupported)
		}
		files = append(files, i)
	}
	for p, i := range b.files {
		whole := i.Data.of
		if whole == nil {
			continue
		}
		if whole.Links == 0 || whole.Data.of != nil {
			return nil, 0, fmt.Errorf("%w: %q is a part of a file that is a part itself or has been replaced", ErrOrder, p)
		}
		i.Data.sector = whole.Data.sector + uint32(i.Data.offset/Sector)
	}
	return files, first, nil
}

func up(n, to int64) int64 { return (n + to - 1) / to * to }

// sectors is the number of sectors that bytes take.
func sectors(bytes int64) int64 { return up(bytes, Sector) / Sector }
