package output

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// packing is a way to pack content for images of a kind of file system.
type packing struct {
	// key says all that decides how content is packed.
	key    string
	packer func(data, table io.Writer) *fsimage.Packer
}

// packedTree is the tree with all content in packs: one for each segment that
// has a key, kept in the cache, and one for all that is made anew each time. So
// a build packs what changed, and nothing in an image depends on what the cache
// had.
type packedTree struct {
	tree *rootfs.Merged
	rest *packedSegment
}

// packedSegment is the content of a segment, packed, and the list of its
// entries.
type packedSegment struct {
	list, table, data *os.File
}

// open returns the pack from its beginning.
func (s *packedSegment) open() *fsimage.Pack {
	return fsimage.NewPack(s.data, io.NewSectionReader(s.table, 0, math.MaxInt64))
}

// walk emits the entries of the segment with [packRef] as their content.
func (s *packedSegment) walk(ctx context.Context, _ *rootfs.Tree, emit rootfs.Emit) error {
	return walkList(ctx, s.list, s.open(), emit)
}

// packTree packs what is not packed yet of the tree without the paths that drop
// is true for.
func (b *build) packTree(ctx context.Context, p packing, drop func(path string) bool) (*packedTree, error) {
	parts, err := b.packSegments(ctx, p)
	if err != nil {
		return nil, err
	}
	tree, err := rootfs.MergeWithout(ctx, parts, drop)
	if err != nil {
		return nil, err
	}
	rest, err := b.packRest(ctx, tree, p)
	return &packedTree{tree, rest}, err
}

// packSegments returns the segments with what has a key packed: one at a time,
// for each is packed on all cores.
func (b *build) packSegments(ctx context.Context, p packing) ([]*rootfs.Segment, error) {
	segments := slices.Clone(b.Segments)
	for i, s := range segments {
		if s.Key == "" {
			continue
		}
		part, err := b.packSegment(ctx, s, p)
		if err != nil {
			return nil, err
		}
		segments[i] = s.From(part.walk)
	}
	return segments, nil
}

// packSegment returns the pack of a segment, out of the cache if it is there.
func (b *build) packSegment(ctx context.Context, s *rootfs.Segment, p packing) (*packedSegment, error) {
	key := "pack/" + p.key + "/" + s.Key
	keys := []string{fmt.Sprintf("list/%d/%s", listVersion, s.Key), key + "/table", key + "/data"}
	files, err := b.deriveAll(ctx, keys, func(w []io.Writer) error {
		if s.Title != "" {
			progress.Infof(ctx, "%s", s.Title)
		}
		return packEntries(ctx, s, w[0], p.packer(w[2], w[1]))
	})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b.keep(f)
	}
	return &packedSegment{list: files[0], table: files[1], data: files[2]}, nil
}

// packEntries lists the entries of a segment and packs their content.
func packEntries(ctx context.Context, s *rootfs.Segment, list io.Writer, p *fsimage.Packer) (err error) {
	defer closeWith(p.Close, &err)
	l := fsimage.NewRecordWriter(list)
	var tree rootfs.Tree
	tree.Begin(s)
	err = s.Walk(ctx, &tree, func(e *rootfs.Entry) error {
		if err := l.Write(listEntry(e)); err != nil || !packed(e) {
			return err
		}
		return addContent(ctx, p, e)
	})
	if err != nil {
		return err
	}
	return l.Flush()
}

func addContent(ctx context.Context, p *fsimage.Packer, e *rootfs.Entry) error {
	if err := p.Add(ctx, e.Header.Size, e.Content); err != nil {
		return fmt.Errorf("pack %s: %w", e.Header.Name, err)
	}
	return nil
}

// packRest packs what is in no pack yet of the content that counts.
func (b *build) packRest(ctx context.Context, tree *rootfs.Merged, p packing) (*packedSegment, error) {
	table, err := b.temp(func(*os.File) error { return nil })
	if err != nil {
		return nil, err
	}
	data, err := b.temp(func(data *os.File) error { return packUnpacked(ctx, tree, p.packer(data, table)) })
	return &packedSegment{table: table, data: data}, err
}

func packUnpacked(ctx context.Context, tree *rootfs.Merged, p *fsimage.Packer) (err error) {
	defer closeWith(p.Close, &err)
	return tree.Walk(ctx, func(e *rootfs.Entry) error {
		if _, done := e.Content.(packRef); done || !packed(e) {
			return nil
		}
		return addContent(ctx, p, e)
	})
}

// closeWith ends something in a deferred call, whose error counts if there is
// no other one.
func closeWith(end func() error, err *error) {
	if closed := end(); *err == nil {
		*err = closed
	}
}

// Walk emits the entries of the tree with their content: nil for what has none.
func (t *packedTree) Walk(ctx context.Context, emit func(*rootfs.Entry, *fsimage.Packed) error) error {
	rest := t.rest.open()
	return t.tree.Walk(ctx, func(e *rootfs.Entry) error {
		if !packed(e) {
			return emit(e, nil)
		}
		if ref, ok := e.Content.(packRef); ok {
			return emit(e, ref.Packed)
		}
		c, err := rest.Next()
		if err != nil {
			return fmt.Errorf("find the content of %s: %w", e.Header.Name, err)
		}
		return emit(e, c)
	})
}
