package output

import (
	"context"
	"fmt"
	"io"
	"os"

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
	tree  *rootfs.Merged
	parts []*packedSegment
	rest  *packedSegment
}

// packedSegment is the content of a segment, packed, and the list of its
// entries.
type packedSegment struct {
	list, table, data *os.File
	pack              *fsimage.Pack
}

// rewind makes the records come from the beginning again.
func (s *packedSegment) rewind() {
	s.pack = fsimage.NewPack(s.data, io.NewSectionReader(s.table, 0, 1<<62))
}

// packTree packs what is not packed yet.
func (b *build) packTree(ctx context.Context, p packing) (*packedTree, error) {
	t := &packedTree{}
	var segments []*rootfs.Segment
	for _, s := range b.Segments {
		if s.Key == "" {
			segments = append(segments, s)
			continue
		}
		part, err := b.packSegment(ctx, s, p)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part)
		segments = append(segments, s.From(func(ctx context.Context, _ *rootfs.Tree, emit rootfs.Emit) error {
			return walkList(ctx, part.list, emit, part.next)
		}))
	}
	var err error
	t.rewind()
	if t.tree, err = rootfs.Merge(ctx, segments); err != nil {
		return nil, err
	}
	t.rest, err = b.packRest(ctx, t, p)
	return t, err
}

func (s *packedSegment) next() (*fsimage.Packed, error) { return s.pack.Next() }

func (t *packedTree) rewind() {
	for _, s := range t.parts {
		s.rewind()
	}
	if t.rest != nil {
		t.rest.rewind()
	}
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
func (b *build) packRest(ctx context.Context, t *packedTree, p packing) (*packedSegment, error) {
	table, err := b.temp(func(*os.File) error { return nil })
	if err != nil {
		return nil, err
	}
	data, err := b.temp(func(data *os.File) error { return t.packRest(ctx, p.packer(data, table)) })
	return &packedSegment{table: table, data: data}, err
}

func (t *packedTree) packRest(ctx context.Context, p *fsimage.Packer) (err error) {
	defer closeWith(p.Close, &err)
	t.rewind()
	return t.tree.Walk(ctx, func(e *rootfs.Entry) error {
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
	t.rewind()
	return t.tree.Walk(ctx, func(e *rootfs.Entry) error {
		if !packed(e) {
			return emit(e, nil)
		}
		if ref, ok := e.Content.(packRef); ok {
			return emit(e, ref.Packed)
		}
		c, err := t.rest.pack.Next()
		if err != nil {
			return fmt.Errorf("find the content of %s: %w", e.Header.Name, err)
		}
		return emit(e, c)
	})
}
