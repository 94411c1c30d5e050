package output

import (
	"archive/tar"
	"context"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// writeKernelInitrd writes kernel, initrd and command line as files. What is
// empty is left out.
func writeKernelInitrd(ctx context.Context, b *build, out *fileSet) error {
	parts, err := kernelCmdline(ctx, b)
	if err != nil {
		return err
	}
	initrd, err := b.bootInitrd(ctx)
	if err != nil {
		return err
	}
	return out.blobs(ctx, append(parts, part{"-initrd.img", imageBlob(initrd)})...)
}

func writeKernelCmdline(ctx context.Context, b *build, out *fileSet) error {
	parts, err := kernelCmdline(ctx, b)
	if err != nil {
		return err
	}
	return out.blobs(ctx, parts...)
}

func kernelCmdline(ctx context.Context, b *build) (parts []part, err error) {
	if b.Kernel != nil {
		kernel, err := b.kernel(ctx)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{"-kernel", kernel})
	}
	if b.Cmdline != "" {
		parts = append(parts, part{"-cmdline", textBlob(b.Cmdline)})
	}
	return parts, nil
}

// writeTarKernelInitrd writes one tar of kernel, initrd, command line and
// microcode, without extended headers.
func writeTarKernelInitrd(ctx context.Context, b *build, out *fileSet) error {
	initrd, err := b.initrd(ctx)
	if err != nil {
		return err
	}
	var kernel, ucode blob
	if b.Kernel != nil {
		if kernel, err = b.kernel(ctx); err != nil {
			return err
		}
	}
	if b.UCode != nil {
		if ucode, err = b.ucode(ctx); err != nil {
			return err
		}
	}
	return out.write("-initrd.tar", func(f *os.File) error {
		t := newTarWriter(f)
		for _, e := range []struct {
			name string
			blob
		}{{"kernel", kernel}, {"initrd.img", imageBlob(initrd)}, {"cmdline", textBlob(b.Cmdline)}, {"ucode.cpio", ucode}} {
			if e.size == 0 {
				continue
			}
			if err := t.plain(e.name, e.size, e.reader()); err != nil {
				return err
			}
		}
		return t.w.Close()
	})
}

func (t *tarWriter) plain(name string, size int64, r io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: rootfs.GeneratedTime}
	if err := t.w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(t.w, r)
	return err
}
