package iso9660

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// firstDescriptor is the sector of the primary volume descriptor.
const firstDescriptor = 16

// backupSize is the room for the second partition table.
const backupSize = 33 * disk.Sector

// Image is an image laid out, not yet written.
type Image struct {
	opts      Options
	volumes   []*volume
	boot      []booted
	catalogue int64 // sector
	head      int64 // bytes ahead of all content
	files     []*inode
	size      int64 // bytes
}

// Layout ends adding and decides where everything is. Errors wrap
// [ErrUnsupported] or [ErrOrder].
func (b *Builder) Layout() (*Image, error) {
	if b.err != nil {
		return nil, b.err
	}
	im, err := b.layout()
	if err != nil {
		return nil, fmt.Errorf("iso9660: lay out: %w", err)
	}
	return im, nil
}

func (b *Builder) layout() (*Image, error) {
	im := &Image{opts: b.opts}
	var err error
	if im.boot, err = b.findBoot(); err != nil {
		return nil, err
	}
	implied(b.tree.Root, b.opts.Time)
	if im.volumes, err = b.volumes(); err != nil {
		return nil, err
	}
	number(im.volumes[0])
	next := int64(firstDescriptor + 1 + len(im.volumes) + min(1, len(im.boot)))
	for _, v := range im.volumes {
		if next, err = v.place(next); err != nil {
			return nil, err
		}
	}
	im.catalogue = next
	if len(im.boot) > 0 {
		next++
	}
	im.head = next * Sector
	if im.files, next, err = b.place(next); err != nil {
		return nil, err
	}
	im.size = next * Sector
	if b.opts.Hybrid != nil {
		im.size = up(im.size+backupSize, Sector)
	}
	if im.size/Sector > math.MaxUint32 {
		return nil, fmt.Errorf("%w: an image of %d bytes", ErrUnsupported, im.size)
	}
	_, _, err = im.tables()
	return im, err
}

func (b *Builder) volumes() ([]*volume, error) {
	primary, err := newVolume(b.tree.Root, false)
	if err != nil || b.opts.NoJoliet {
		return []*volume{primary}, err
	}
	windows, err := newVolume(b.tree.Root, true)
	return []*volume{primary, windows}, err
}

// number gives files serial numbers, so that readers can tell hard links.
func number(v *volume) {
	last := uint32(0)
	visit := func(i *inode) {
		if i.Data.number == 0 {
			last++
			i.Data.number = last
		}
	}
	visit(v.dirs[0].node.Inode)
	for _, d := range v.dirs {
		for _, e := range d.entries {
			visit(e.node.Inode)
		}
	}
}

// Size is the length of the image in bytes.
func (im *Image) Size() int64 { return im.size }

// writeHead writes everything ahead of the content.
func (im *Image) writeHead(ctx context.Context, write func([]byte) error) error {
	systemArea, _, err := im.tables()
	if err != nil {
		return err
	}
	descriptors := [][]byte{systemArea, im.volumes[0].descriptor(&im.opts, im.size/Sector)}
	if len(im.boot) > 0 {
		descriptors = append(descriptors, bootRecord(im.catalogue))
	}
	for _, v := range im.volumes[1:] {
		descriptors = append(descriptors, v.descriptor(&im.opts, im.size/Sector))
	}
	if err := write(bytes.Join(append(descriptors, terminator()), nil)); err != nil {
		return err
	}
	for _, v := range im.volumes {
		if err := v.write(ctx, write); err != nil {
			return err
		}
	}
	if len(im.boot) == 0 {
		return nil
	}
	return write(catalogue(im.boot))
}

func (v *volume) write(ctx context.Context, write func([]byte) error) error {
	for _, o := range []byteOrder{le, be} {
		if err := write(whole(v.pathTable(o))); err != nil {
			return err
		}
	}
	for _, d := range v.dirs {
		if err := ctx.Err(); err != nil {
			return err
		}
		records, more := v.encode(d)
		if err := write(append(records, more...)); err != nil {
			return err
		}
	}
	return nil
}
