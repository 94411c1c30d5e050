package output

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// build is one system on its way into its formats, which share what is made
// for any of them.
type build struct {
	*rootfs.System
	opts Options

	open        []io.Closer // in the end, which removes what is temporary
	config      *string     // of the kernel, once it was looked for
	wholeInitrd *disk.Image
	treeID      string
	kernelBlob  *blob
	ucodeBlob   *blob
}

func newBuild(sys *rootfs.System, opts Options) *build { return &build{System: sys, opts: opts} }

// keep leaves a file open until the build ends.
func (b *build) keep(f io.Closer) { b.open = append(b.open, f) }

func (b *build) close() {
	for _, f := range b.open {
		f.Close()
	}
}

// temp returns a temporary file beside the outputs with what fn writes. It is
// there until the build ends.
func (b *build) temp(fn func(f *os.File) error) (*os.File, error) {
	f, err := createOutput(filepath.Join(b.opts.Dir, b.opts.Name))
	if err != nil {
		return nil, err
	}
	b.keep(f)
	return f.File, fn(f.File)
}

// tree tells trees apart: equal ones make equal file systems.
func (b *build) tree(ctx context.Context) (string, error) {
	if b.treeID != "" {
		return b.treeID, nil
	}
	id, err := rootfs.Identity(ctx, b.Segments)
	b.treeID = id
	return id, err
}

// identity tells systems apart: equal ones make equal outputs.
func (b *build) identity(ctx context.Context) (string, error) {
	id, err := b.tree(ctx)
	if err != nil {
		return "", err
	}
	for _, f := range []*rootfs.BootFile{b.Kernel, b.UCode} {
		if f != nil {
			id += " " + f.Key
		}
	}
	if b.opts.DecompressKernel {
		id += " decompressed"
	}
	return id + " " + b.opts.Arch + " " + b.Cmdline, nil
}

// seed is what the identifiers of an output are derived from.
func (b *build) seed(ctx context.Context, format string) ([]byte, error) {
	id, err := b.identity(ctx)
	return []byte(format + " " + id), err
}

// blob is a file that is read when the output is written.
type blob struct {
	data io.ReaderAt
	size int64 // bytes
}

func (b blob) reader() io.Reader {
	if b.size == 0 {
		return strings.NewReader("")
	}
	return io.NewSectionReader(b.data, 0, b.size)
}

func textBlob(s string) blob            { return bytesBlob([]byte(s)) }
func bytesBlob(data []byte) blob        { return blob{bytes.NewReader(data), int64(len(data))} }
func imageBlob(im *disk.Image) blob     { return blob{im, im.Size} }
func fileBlob(f *os.File) (blob, error) { n, err := size(f); return blob{f, n}, err }

func size(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// kernel returns the kernel.
func (b *build) kernel(ctx context.Context) (blob, error) {
	return b.memo(ctx, &b.kernelBlob, b.Kernel)
}

// ucode returns the microcode.
func (b *build) ucode(ctx context.Context) (blob, error) {
	return b.memo(ctx, &b.ucodeBlob, b.UCode)
}

func (b *build) memo(ctx context.Context, known **blob, file *rootfs.BootFile) (blob, error) {
	if *known != nil {
		return **known, nil
	}
	f, err := b.bootFile(ctx, file)
	if err != nil {
		return blob{}, err
	}
	b.keep(f)
	content, err := fileBlob(f)
	*known = &content
	return content, err
}
