package inspect

import (
	"archive/tar"
	"context"
	"io"
	"strings"

	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// Plan reads the tree that a build of sys would make. Nothing is written.
func Plan(ctx context.Context, path string, sys *rootfs.System) (*Tree, error) {
	b := NewBuilder(path, "yaml")
	if sys.HasKernel {
		if err := b.boot(ctx, sys); err != nil {
			return nil, err
		}
	}
	var tree rootfs.Tree
	for _, s := range sys.Segments {
		b.Begin(s.Location, s.Source)
		if err := tree.Walk(ctx, s, func(e *rootfs.Entry, _ bool) error { return b.Add(e.Header, e.Content) }); err != nil {
			return nil, err
		}
	}
	return b.Tree(), nil
}

func (b *Builder) boot(ctx context.Context, sys *rootfs.System) error {
	b.Begin("kernel", sys.KernelSource)
	if err := b.Add(&tar.Header{Typeflag: tar.TypeDir, Name: "boot", Mode: 0o755, ModTime: rootfs.GeneratedTime}, nil); err != nil {
		return err
	}
	if err := b.AddBoot(bootHeader(cmdlineName, 0o644, int64(len(sys.Cmdline))), strings.NewReader(sys.Cmdline)); err != nil {
		return err
	}
	for _, f := range []*rootfs.BootFile{sys.Kernel, sys.UCode} {
		if f == nil {
			continue
		}
		err := f.Read(ctx, func(size, mode int64, r io.Reader) error { return b.AddBoot(bootHeader("boot/"+f.Name, mode, size), r) })
		if err != nil {
			return err
		}
	}
	return nil
}

func bootHeader(name string, mode, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size, ModTime: rootfs.GeneratedTime}
}
