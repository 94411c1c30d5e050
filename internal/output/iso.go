package output

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/format/iso9660"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// isoLabel is the name of the volume.
const isoLabel = "LinuxKit"

// isoPlan is an ISO image in the making: files given, and perhaps the tree.
type isoPlan struct {
	opts  iso9660.Options
	files []named
	parts []isoPart
	// tree is set if all files of the system are on the image; those given
	// take precedence.
	tree bool
}

// isoPart is a file whose content is a piece of another one's.
type isoPart struct {
	path, of     string
	offset, size int64
}

func newISO(boot ...iso9660.Boot) *isoPlan {
	return &isoPlan{opts: iso9660.Options{Label: isoLabel, Time: rootfs.GeneratedTime, Boot: boot}}
}

func (p *isoPlan) add(path string, content blob) { p.files = append(p.files, named{path, content}) }

// given tells which paths the tree must not have.
func (p *isoPlan) given() map[string]bool {
	paths := map[string]bool{}
	for _, f := range p.files {
		paths[f.path] = true
	}
	for _, f := range p.parts {
		paths[f.path] = true
	}
	return paths
}

// write writes the image to f.
func (p *isoPlan) write(ctx context.Context, b *build, f *os.File) error {
	builder := iso9660.New(p.opts)
	if err := p.addFiles(builder); err != nil {
		return err
	}
	if !p.tree {
		return p.writePieces(ctx, builder, f)
	}
	given := p.given()
	tree, err := rootfs.MergeWithout(ctx, b.Segments, func(path string) bool { return given[path] || underBoot(path) })
	if err != nil {
		return err
	}
	if err := builder.Add(bootDir()); err != nil {
		return err
	}
	err = walkTree(ctx, tree, func(e fsimage.Entry, _ io.Reader) error { return builder.Add(e) })
	if err != nil {
		return err
	}
	im, err := builder.Layout()
	if err != nil {
		return err
	}
	return p.stream(ctx, im.Stream(f), tree)
}

func (p *isoPlan) addFiles(builder *iso9660.Builder) error {
	for _, f := range p.files {
		if err := builder.Add(plainFile(f.path, f.size)); err != nil {
			return err
		}
	}
	for _, part := range p.parts {
		if err := builder.AddPart(plainFile(part.path, part.size), part.of, part.offset); err != nil {
			return err
		}
	}
	return nil
}

func plainFile(path string, size int64) fsimage.Entry {
	return fsimage.Entry{Path: path, Mode: fsimage.TypeRegular | 0o644, Size: size, ModTime: rootfs.GeneratedTime}
}

// walkTree calls fn with the files of a tree.
func walkTree(ctx context.Context, tree *rootfs.Merged, fn func(fsimage.Entry, io.Reader) error) error {
	return tree.Walk(ctx, func(e *rootfs.Entry) error {
		fe, err := fsEntry(e)
		if err != nil {
			return err
		}
		return fn(fe, e.Content)
	})
}

// writePieces writes an image without tree, whose files are shared with those
// they come from where that is possible.
func (p *isoPlan) writePieces(ctx context.Context, builder *iso9660.Builder, f *os.File) error {
	im, err := builder.Layout()
	if err != nil {
		return err
	}
	content := map[string]io.ReaderAt{}
	for _, f := range p.files {
		content[f.path] = f.data
	}
	pieces, err := im.Disk(ctx, func(path string) (io.ReaderAt, error) {
		if content[path] == nil {
			return nil, fmt.Errorf("no content for %s", path)
		}
		return content[path], nil
	})
	if err != nil {
		return err
	}
	return pieces.WriteFile(ctx, f)
}

func (p *isoPlan) stream(ctx context.Context, s *iso9660.Stream, tree *rootfs.Merged) error {
	for _, f := range p.files {
		if f.size == 0 {
			continue
		}
		if err := s.Content(ctx, f.path, f.reader()); err != nil {
			return err
		}
	}
	err := walkTree(ctx, tree, func(e fsimage.Entry, r io.Reader) error {
		if e.Size == 0 || e.HardLink != "" {
			return nil
		}
		return s.Content(ctx, e.Path, r)
	})
	if err != nil {
		return err
	}
	return s.Close(ctx)
}
