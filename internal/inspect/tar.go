package inspect

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/rootfs"
)

func isTar(head []byte) bool {
	return len(head) >= 262 && bytes.Equal(head[257:262], []byte("ustar"))
}

// bootNames are what a tar of the format tar-kernel-initrd holds, and the names
// that this package knows them by.
var bootNames = map[string]string{
	"kernel": kernelName, "cmdline": cmdlineName, "ucode.cpio": ucodeName, "initrd.img": "",
}

func openTar(ctx context.Context, path string, f *os.File) (*Tree, error) {
	names, err := tarNames(ctx, f)
	if err != nil {
		return nil, err
	}
	b := NewBuilder(path, "tar")
	add := b.addTarEntry
	switch {
	case names["initrd.img"] && onlyBoot(names):
		b.tree.Format = "tar-kernel-initrd"
		add = func(h *tar.Header, r io.Reader) error { return b.addBootEntry(ctx, h, r) }
	case names["Dockerfile"]:
		b.tree.Format = "docker"
	}
	if err := eachEntry(ctx, f, add); err != nil {
		return nil, err
	}
	return b.Tree(), nil
}

func onlyBoot(names map[string]bool) bool {
	for n := range names {
		if _, ok := bootNames[n]; !ok {
			return false
		}
	}
	return true
}

// tarNames returns the names of entries at the top.
func tarNames(ctx context.Context, f *os.File) (map[string]bool, error) {
	names := map[string]bool{}
	err := eachEntry(ctx, f, func(h *tar.Header, _ io.Reader) error {
		names[h.Name] = true
		return nil
	})
	return names, err
}

func eachEntry(ctx context.Context, f *os.File, fn func(*tar.Header, io.Reader) error) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := tar.NewReader(f)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(h, r); err != nil {
			return err
		}
	}
}

// addTarEntry adds an entry of a tar to the source that its records name.
func (b *Builder) addTarEntry(h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	location, source := h.PAXRecords[rootfs.RecordLocation], h.PAXRecords[rootfs.RecordSource]
	if location == "" {
		location = h.Name
	}
	b.Begin(location, source).Stored += h.Size
	return b.AddBoot(h, r)
}

func (b *Builder) addBootEntry(ctx context.Context, h *tar.Header, r io.Reader) error {
	if h.Name == "initrd.img" {
		_, err := b.initrd(ctx, bufio.NewReaderSize(r, readBuffer))
		return err
	}
	return b.AddBare(bootNames[h.Name], h.Size, r)
}
