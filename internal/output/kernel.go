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
		return nil, b.bootFileError(f, err)
	}
	if f != b.Kernel || !b.opts.DecompressKernel {
		return file, nil
	}
	defer file.Close()
	return decompress(file)
}

// bootFileError says which setting names f if the image does not have it.
func (b *build) bootFileError(f *rootfs.BootFile, err error) error {
	switch {
	case !errors.Is(err, rootfs.ErrNoFile):
		return fmt.Errorf("read %s: %w", f.Name, err)
	case f == b.Kernel:
		return fmt.Errorf("did not find kernel in kernel image: %w; name it in kernel.binary", err)
	default:
		return fmt.Errorf("did not find microcode in kernel image: %w; name it in kernel.ucode", err)
	}
}

// decompress returns the payload of a kernel image as a temporary file.
func decompress(kernel *os.File) (*os.File, error) {
	info, err := kernel.Stat()
	if err != nil {
		return nil, err
	}
	files, err := fillTemps(1, func(w []io.Writer) error {
		payload, err := linuximage.Payload(kernel, info.Size())
		if err != nil {
			return fmt.Errorf("decompress kernel: %w", err)
		}
		_, err = io.Copy(w[0], payload)
		return err
	})
	if err != nil {
		return nil, err
	}
	return files[0], nil
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
	builtin, err := b.kernelOption(ctx, "RD_ZSTD")
	if err == nil && builtin == "y" {
		return zstdCodec, nil
	}
	return gzipCodec, err
}

// kernelOption returns how the kernel was configured: "y", "m", a text or
// number, "" if the option is not set, unknown if there is no configuration.
func (b *build) kernelOption(ctx context.Context, name string) (string, error) {
	config, err := b.kernelConfig(ctx)
	if err != nil {
		return "", err
	}
	if config == "" {
		return unknown, nil
	}
	for line := range strings.Lines(config) {
		if value, ok := strings.CutPrefix(line, "CONFIG_"+name+"="); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", nil
}

// unknown is how an option of a kernel without configuration is.
const unknown = "unknown"

// kernelConfig returns the configuration of the kernel, or nothing.
func (b *build) kernelConfig(ctx context.Context) (string, error) {
	switch {
	case b.Kernel == nil:
		return "", nil
	case b.config != nil:
		return *b.config, nil
	}
	f, err := b.derive(ctx, "kernelconfig/1/"+b.Kernel.Key, func(w io.Writer) error {
		config, err := b.KernelConfig(ctx)
		if errors.Is(err, rootfs.ErrNoFile) {
			config, err = b.embeddedConfig(ctx)
		}
		if err != nil {
			return err
		}
		_, err = w.Write(config)
		return err
	})
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return "", err
	}
	text := string(data)
	b.config = &text
	return text, nil
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
