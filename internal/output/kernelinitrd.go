package output

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"strings"

	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// writeKernelInitrd writes kernel, initrd and command line as files. What is
// empty is left out.
func writeKernelInitrd(ctx context.Context, b *build, out *fileSet) error {
	if b.Kernel != nil {
		err := out.write("-kernel", func(w io.Writer) error { return b.copyBootFile(ctx, b.Kernel, w) })
		if err != nil {
			return err
		}
	}
	if b.Cmdline != "" {
		err := out.write("-cmdline", func(w io.Writer) error {
			_, err := io.WriteString(w, b.Cmdline)
			return err
		})
		if err != nil {
			return err
		}
	}
	return out.write("-initrd.img", func(w io.Writer) error { return b.writeInitrd(ctx, w) })
}

func (b *build) copyBootFile(ctx context.Context, f *rootfs.BootFile, w io.Writer) error {
	r, err := b.bootFile(ctx, f)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// writeTarKernelInitrd writes one tar of kernel, initrd, command line and
// microcode, without extended headers.
func writeTarKernelInitrd(ctx context.Context, b *build, out *fileSet) error {
	return out.write("-initrd.tar", func(w io.Writer) error {
		t := newTarWriter(w)
		if err := b.tarBootFile(ctx, t, "kernel", b.Kernel); err != nil {
			return err
		}
		initrd, err := b.tempInitrd(ctx)
		if err != nil {
			return err
		}
		defer initrd.Close()
		if err := t.plainFile("initrd.img", initrd); err != nil {
			return err
		}
		if b.Cmdline != "" {
			if err := t.plain("cmdline", int64(len(b.Cmdline)), strings.NewReader(b.Cmdline)); err != nil {
				return err
			}
		}
		if err := b.tarBootFile(ctx, t, "ucode.cpio", b.UCode); err != nil {
			return err
		}
		return t.w.Close()
	})
}

// tempInitrd returns the initrd without microcode as an unnamed file, because
// a tar entry needs its size first.
func (b *build) tempInitrd(ctx context.Context) (*os.File, error) {
	sys := *b.System
	sys.UCode = nil
	plain := &build{System: &sys, opts: b.opts}
	return fillTemp(func(w io.Writer) error { return plain.writeInitrd(ctx, w) })
}

func (b *build) tarBootFile(ctx context.Context, t *tarWriter, name string, f *rootfs.BootFile) error {
	if f == nil {
		return nil
	}
	r, err := b.bootFile(ctx, f)
	if err != nil {
		return err
	}
	defer r.Close()
	return t.plainFile(name, r)
}

func (t *tarWriter) plainFile(name string, f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	return t.plain(name, info.Size(), f)
}

func (t *tarWriter) plain(name string, size int64, r io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: rootfs.GeneratedTime}
	if err := t.w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(t.w, r)
	return err
}
