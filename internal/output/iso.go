package output

import (
	"context"
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
	// content is that of all files by path, while the image is written.
	content map[string]iso9660.Content
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

// isoPacking leaves content as it is.
var isoPacking = packing{key: "iso/1", packer: iso9660.NewPacker}

// write writes the image to f. Content is shared with the files it comes from
// where that is possible.
func (p *isoPlan) write(ctx context.Context, b *build, f *os.File) error {
	builder := iso9660.New(p.opts)
	if err := p.addFiles(builder); err != nil {
		return err
	}
	if p.tree {
		if err := p.addTree(ctx, b, builder); err != nil {
			return err
		}
	}
	im, err := builder.Layout()
	if err != nil {
		return err
	}
	pieces, err := im.Disk(ctx, func(path string) (iso9660.Content, error) { return p.content[path], nil })
	if err != nil {
		return err
	}
	return pieces.WriteFile(ctx, f)
}

func (p *isoPlan) addFiles(builder *iso9660.Builder) error {
	p.content = map[string]iso9660.Content{}
	for _, f := range p.files {
		p.content[f.path] = iso9660.Content{Data: f.data}
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

// addTree adds the files of the tree that are on the image.
func (p *isoPlan) addTree(ctx context.Context, b *build, builder *iso9660.Builder) error {
	given := p.given()
	tree, err := b.packTree(ctx, isoPacking, func(path string) bool { return given[path] || underBoot(path) })
	if err != nil {
		return err
	}
	if err := builder.Add(bootDir()); err != nil {
		return err
	}
	return tree.Walk(ctx, func(e *rootfs.Entry, c *fsimage.Packed) error {
		fe, err := fsEntry(e)
		if err != nil {
			return err
		}
		if c != nil {
			if p.content[fe.Path], err = iso9660.Unpack(c, fe.Size); err != nil {
				return err
			}
		}
		return builder.Add(fe)
	})
}
