package output

import (
	"context"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/format/erofs"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/format/squashfs"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// rootFS is a kind of file system that the tree can be.
type rootFS struct {
	name string
	// version is part of the keys of packs. It changes when the same content is
	// packed in another way.
	version string
	// suffix is that of the image.
	suffix string
	// drivers are the options of the kernel that mount it; the first is that of
	// the file system.
	drivers []string
	// compression returns the best one that the kernel can read.
	compression func(ctx context.Context, b *build) (string, error)
	packer      func(data, table io.Writer, compression string) *fsimage.Packer
	create      func(f *os.File, compression string) *fsimage.Writer
}

var (
	squashFS = rootFS{
		name: "squashfs", version: "1", suffix: "-squashfs.img", drivers: []string{"SQUASHFS", "VIRTIO_BLK", "VIRTIO_PCI"},
		compression: func(ctx context.Context, b *build) (string, error) {
			zstd, err := b.kernelOption(ctx, "SQUASHFS_ZSTD")
			return choose(zstd == "y", string(squashfs.Zstd), string(squashfs.Gzip)), err
		},
		packer: func(data, table io.Writer, compression string) *fsimage.Packer {
			return squashfs.NewPacker(data, table, squashfsOptions(compression))
		},
		create: func(f *os.File, compression string) *fsimage.Writer {
			return squashfs.NewWriter(f, squashfsOptions(compression))
		},
	}
	eroFS = rootFS{
		name: "erofs", version: "1", suffix: "-erofs.img", drivers: []string{"EROFS_FS", "VIRTIO_BLK", "VIRTIO_PCI"},
		compression: func(ctx context.Context, b *build) (string, error) {
			zip, err := b.kernelOption(ctx, "EROFS_FS_ZIP")
			return choose(zip == "y" || zip == unknown, string(erofs.LZ4), string(erofs.None)), err
		},
		packer: func(data, table io.Writer, compression string) *fsimage.Packer {
			return erofs.NewPacker(data, table, erofsOptions(compression))
		},
		create: func(f *os.File, compression string) *fsimage.Writer {
			return erofs.NewWriter(f, erofsOptions(compression))
		},
	}
)

func squashfsOptions(compression string) squashfs.Options {
	return squashfs.Options{Time: rootfs.GeneratedTime, Compression: squashfs.Compression(compression)}
}

func erofsOptions(compression string) erofs.Options {
	return erofs.Options{Time: rootfs.GeneratedTime, Compression: erofs.Compression(compression)}
}

func init() {
	for _, fs := range []rootFS{squashFS, eroFS} {
		register(Format{
			Name:     "kernel+" + fs.name,
			suffixes: []string{"-kernel", "-cmdline", fs.suffix, rootInitrdSuffix(fs.name)},
			files: func(ctx context.Context, b *build, out *fileSet) error {
				return b.writeKernelRoot(ctx, fs, out)
			},
		})
	}
}

// rootInitrdSuffix is that of the initrd that mounts a root of some kind.
func rootInitrdSuffix(kind string) string { return "-" + kind + "-initrd.img" }

// writeKernelRoot writes kernel and command line as files beside an image of
// the root, and an initrd if the kernel needs one to mount that.
func (b *build) writeKernelRoot(ctx context.Context, fs rootFS, out *fileSet) error {
	if err := writeKernelCmdline(ctx, b, out); err != nil {
		return err
	}
	if err := b.writeRootInitrd(ctx, fs.name, fs.drivers, out); err != nil {
		return err
	}
	compression, err := fs.compression(ctx, b)
	if err != nil {
		return err
	}
	p := packing{
		key:    fs.name + "/" + fs.version + "/" + compression,
		packer: func(data, table io.Writer) *fsimage.Packer { return fs.packer(data, table, compression) },
	}
	return out.write(fs.suffix, func(f *os.File) error { return b.encodeRoot(ctx, p, fs.create(f, compression)) })
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

func (b *build) writeRootInitrd(ctx context.Context, kind string, drivers []string, out *fileSet) error {
	initrd, err := b.rootInitrd(ctx, kind, drivers)
	if err != nil || initrd.Size == 0 {
		return err
	}
	return out.image(ctx, rootInitrdSuffix(kind), initrd)
}

// encodeRoot writes the tree without what boots it, and completes the image.
func (b *build) encodeRoot(ctx context.Context, p packing, w *fsimage.Writer) error {
	tree, err := b.packTree(ctx, p, underBoot)
	if err != nil {
		return err
	}
	if err := w.Add(ctx, bootDir(), nil); err != nil {
		return err
	}
	err = tree.Walk(ctx, func(e *rootfs.Entry, c *fsimage.Packed) error {
		fe, err := fsEntry(e)
		if err != nil {
			return err
		}
		return w.Add(ctx, fe, c)
	})
	if err != nil {
		return err
	}
	return w.Close(ctx)
}
