package inspect

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ErrFormat means that something is not an output this package can read.
var ErrFormat = errors.New("not an output of a known format")

// format is one that can be read. Match is given the first bytes of the file.
type format struct {
	match func(head []byte) bool
	open  func(ctx context.Context, path string, f *os.File) (*Tree, error)
}

// headSize is how many bytes of a file formats are told by.
const headSize = 512

var formats = []format{
	{isTar, openTar},
	{isInitrd, openInitrd},
}

// Open reads an output: a file, or the files that have path as their prefix,
// such as those of kernel+initrd. The error is [ErrFormat] if it is of a format
// that cannot be read.
func Open(ctx context.Context, path string) (*Tree, error) {
	t, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("read output %s: %w", path, err)
	}
	return t, nil
}

const (
	initrdSuffix  = "-initrd.img"
	kernelSuffix  = "-kernel"
	cmdlineSuffix = "-cmdline"
)

func open(ctx context.Context, path string) (*Tree, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || isDir(f) {
		if _, initrdErr := os.Stat(path + initrdSuffix); initrdErr == nil {
			f.Close()
			return openKernelInitrd(ctx, path)
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if prefix, ok := strings.CutSuffix(path, initrdSuffix); ok {
		return openKernelInitrd(ctx, prefix)
	}
	if isDir(f) {
		return nil, fmt.Errorf("%w: it is a directory", ErrFormat)
	}
	return openFile(ctx, path, f)
}

func isDir(f *os.File) bool {
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.IsDir()
}

func openFile(ctx context.Context, path string, f *os.File) (*Tree, error) {
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for _, format := range formats {
		if !format.match(head[:n]) {
			continue
		}
		t, err := format.open(ctx, path, f)
		if err == nil {
			t.Stored = info.Size()
		}
		return t, err
	}
	return nil, fmt.Errorf("%w: it begins with %q", ErrFormat, head[:min(n, 8)])
}

// openKernelInitrd reads the files of the format kernel+initrd. Only the initrd
// has to be there.
func openKernelInitrd(ctx context.Context, prefix string) (*Tree, error) {
	b := NewBuilder(prefix, "kernel+initrd")
	stored := int64(0)
	for _, part := range []struct{ suffix, name string }{{kernelSuffix, kernelName}, {cmdlineSuffix, cmdlineName}} {
		n, err := b.addFile(prefix+part.suffix, part.name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		stored += n
	}
	f, err := os.Open(prefix + initrdSuffix)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := b.initrd(ctx, bufio.NewReaderSize(f, readBuffer))
	if err != nil {
		return nil, err
	}
	t := b.Tree()
	t.Stored = stored + n
	return t, nil
}

const (
	bootDir     = "boot"
	kernelName  = "boot/kernel"
	cmdlineName = "boot/cmdline"
	ucodeName   = "boot/ucode.cpio"
	readBuffer  = 1 << 16
	// maxCmdline is far more than any kernel takes.
	maxCmdline = 1 << 16
)

// addFile adds a local file that boots the system and returns its size.
func (b *Builder) addFile(file, name string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), b.AddBare(name, info.Size(), f)
}

// AddBare adds a file that boots the system, from an output that tells no more
// of it than its content. A kernel has a command line, if only an empty one,
// and the directory for both.
func (b *Builder) AddBare(name string, size int64, r io.Reader) error {
	if name == "" {
		return fmt.Errorf("%w: it has no name", ErrFormat)
	}
	b.Begin("kernel", "").Stored += size
	if b.paths[bootDir] == nil {
		b.paths[bootDir] = &Entry{Name: bootDir, Type: tar.TypeDir, Segment: b.segment, Bare: true}
	}
	if name == kernelName && b.paths[cmdlineName] == nil {
		if err := b.AddBare(cmdlineName, 0, strings.NewReader("")); err != nil {
			return err
		}
	}
	if err := b.AddBoot(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size}, r); err != nil {
		return err
	}
	b.paths[name].Bare = true
	return nil
}

// AddBoot adds a file that boots the system. The command line is remembered.
func (b *Builder) AddBoot(h *tar.Header, r io.Reader) error {
	if cleanName(h.Name) != cmdlineName || h.Typeflag != tar.TypeReg {
		return b.Add(h, r)
	}
	var cmdline bytes.Buffer
	if err := b.Add(h, io.TeeReader(io.LimitReader(r, maxCmdline), &cmdline)); err != nil {
		return err
	}
	b.tree.Cmdline = cmdline.String()
	return nil
}
