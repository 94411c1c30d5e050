package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/linuximage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// bootFile returns the content of f as an open file.
func (b *build) bootFile(ctx context.Context, f *rootfs.BootFile) (*os.File, error) {
	file, err := b.derive(ctx, "bootfile/1/"+f.Key, func(w io.Writer) error {
		return f.Read(ctx, func(_, _ int64, r io.Reader) error {
			_, err := io.Copy(w, r)
			return err
		})
	})
	if err != nil {
		if f == b.Kernel && errors.Is(err, rootfs.ErrNoFile) {
			return nil, fmt.Errorf("did not find kernel in kernel image: %w; name it in kernel.binary", err)
		}
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	if f != b.Kernel || !b.opts.DecompressKernel {
		return file, nil
	}
	defer file.Close()
	return decompress(file)
}

// decompress returns the payload of a kernel image as a temporary file.
func decompress(kernel *os.File) (*os.File, error) {
	info, err := kernel.Stat()
	if err != nil {
		return nil, err
	}
	return fillTemp(func(w io.Writer) error {
		payload, err := linuximage.Payload(kernel, info.Size())
		if err != nil {
			return fmt.Errorf("decompress kernel: %w", err)
		}
		_, err = io.Copy(w, payload)
		return err
	})
}

// codec is a compression of the initrd.
type codec string

const (
	gzipCodec codec = "gzip"
	zstdCodec codec = "zstd"
)

// initrdCodec returns the best compression that the kernel understands: zstd
// if its configuration says so, else gzip, which every kernel has.
func (b *build) initrdCodec(ctx context.Context) (codec, error) {
	if b.Kernel == nil {
		return gzipCodec, nil
	}
	f, err := b.derive(ctx, "initrdcodec/1/"+b.Kernel.Key, func(w io.Writer) error {
		c, err := b.probeCodec(ctx)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, string(c))
		return err
	})
	if err != nil {
		return "", err
	}
	defer f.Close()
	c, err := io.ReadAll(f)
	return codec(c), err
}

func (b *build) probeCodec(ctx context.Context) (codec, error) {
	config, err := b.KernelConfig(ctx)
	if errors.Is(err, rootfs.ErrNoFile) {
		config, err = b.embeddedConfig(ctx)
	}
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(config)) {
		if strings.TrimSpace(line) == "CONFIG_RD_ZSTD=y" {
			return zstdCodec, nil
		}
	}
	return gzipCodec, nil
}

// embeddedConfig returns the configuration inside the kernel itself, or
// nothing if it does not carry one.
func (b *build) embeddedConfig(ctx context.Context) ([]byte, error) {
	kernel, err := b.bootFile(ctx, b.Kernel)
	if err != nil {
		return nil, err
	}
	defer kernel.Close()
	info, err := kernel.Stat()
	if err != nil {
		return nil, err
	}
	config, err := linuximage.Config(kernel, info.Size())
	if errors.Is(err, linuximage.ErrNoConfig) || errors.Is(err, linuximage.ErrFormat) {
		return nil, nil
	}
	return config, err
}
