package output

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/format/erofs"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/format/squashfs"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// rootFS is a kind of file system that the tree can be.
type rootFS struct {
	name string
	// version is part of the keys of finished images. It changes when the same
	// tree is encoded in another way.
	version string
	// suffix is that of the image.
	suffix string
	// drivers are the options of the kernel that mount it; the first is that of
	// the file system.
	drivers []string
	// compression returns the best one that the kernel can read.
	compression func(ctx context.Context, b *build) (string, error)
	create      func(f *os.File, compression string) fsWriter
}

// fsWriter is an encoder of squashfs or EROFS.
type fsWriter interface {
	Add(ctx context.Context, e fsimage.Entry, r io.Reader) error
	Close() error
}

var (
	squashFS = rootFS{
		name: "squashfs", version: "1", suffix: "-squashfs.img", drivers: []string{"SQUASHFS", "VIRTIO_BLK", "VIRTIO_PCI"},
		compression: func(ctx context.Context, b *build) (string, error) {
			zstd, err := b.kernelOption(ctx, "SQUASHFS_ZSTD")
			return choose(zstd == "y", string(squashfs.Zstd), string(squashfs.Gzip)), err
		},
		create: func(f *os.File, compression string) fsWriter {
			return squashfs.NewWriter(f, squashfs.Options{Time: rootfs.GeneratedTime, Compression: squashfs.Compression(compression)})
		},
	}
	eroFS = rootFS{
		name: "erofs", version: "1", suffix: "-erofs.img", drivers: []string{"EROFS_FS", "VIRTIO_BLK", "VIRTIO_PCI"},
		compression: func(ctx context.Context, b *build) (string, error) {
			zip, err := b.kernelOption(ctx, "EROFS_FS_ZIP")
			return choose(zip == "y" || zip == unknown, string(erofs.LZ4), string(erofs.None)), err
		},
		create: func(f *os.File, compression string) fsWriter {
			return erofs.NewWriter(f, erofs.Options{Time: rootfs.GeneratedTime, Compression: erofs.Compression(compression)})
		},
	}
)

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
	key := "fs/" + fs.name + "/" + fs.version + "/" + compression
	return out.write(fs.suffix, func(f *os.File) error {
		return b.cached(ctx, key, f, func() error { return b.encodeRoot(ctx, fs.create(f, compression)) })
	})
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

// cached makes f a copy of what an earlier build of the same tree wrote, or has
// it made and keeps a copy. The kind says all that decides the content besides
// the tree.
func (b *build) cached(ctx context.Context, kind string, f *os.File, make func() error) error {
	if b.opts.Cache == nil {
		return make()
	}
	id, err := b.tree(ctx)
	if err != nil {
		return err
	}
	key := kind + "/" + id
	old, err := b.opts.Cache.Get(ctx, key)
	if err == nil {
		defer old.Close()
		_, err = io.Copy(f, old)
		return err
	}
	if !errors.Is(err, content.ErrNotFound) {
		return err
	}
	if err := make(); err != nil {
		return err
	}
	if err := b.store(ctx, key, f); err != nil {
		progress.Debugf(ctx, "a later build has to make %s again: %v", kind, err)
	}
	return ctx.Err()
}

// store keeps a copy of a finished file in the cache.
func (b *build) store(ctx context.Context, key string, f *os.File) error {
	n, err := size(f)
	if err != nil {
		return err
	}
	w, err := b.opts.Cache.Create(ctx, key)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.Copy(w, io.NewSectionReader(f, 0, n)); err != nil {
		return err
	}
	return w.Commit()
}

// encodeRoot writes the tree without what boots it, and closes w.
func (b *build) encodeRoot(ctx context.Context, w fsWriter) (err error) {
	defer func() {
		if closed := w.Close(); err == nil {
			err = closed
		}
	}()
	tree, err := rootfs.MergeWithout(ctx, b.Segments, underBoot)
	if err != nil {
		return err
	}
	if err := w.Add(ctx, bootDir(), nil); err != nil {
		return err
	}
	return tree.Walk(ctx, func(e *rootfs.Entry) error {
		fe, err := fsEntry(e)
		if err != nil {
			return err
		}
		return w.Add(ctx, fe, e.Content)
	})
}
