package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
)

// ErrNoFile means that an image lacks a file that the configuration names.
var ErrNoFile = errors.New("file not in image")

const (
	kernelLocation   = "kernel"
	defaultKernel    = "kernel"
	defaultKernelTar = "kernel.tar"
	kernelConfigFile = "config"
	maxKernelConfig  = 4 << 20
)

// addKernel adds the kernel section to sys.
func addKernel(sys *System, k config.Kernel, img *image.Image) {
	binary := k.Binary
	if binary == "" {
		binary = defaultKernel
	}
	sys.HasKernel = true
	sys.KernelSource = img.Ref
	sys.Cmdline = k.Cmdline
	sys.Kernel = bootFile(img, "kernel", binary)
	sys.KernelConfig = func(ctx context.Context) ([]byte, error) {
		return readSmall(ctx, img, kernelConfigFile, maxKernelConfig)
	}
	if k.UCode != nil && *k.UCode != "" {
		sys.UCode = bootFile(img, "ucode.cpio", *k.UCode)
	}
	if name := kernelTar(k); name != "" {
		sys.Segments = append(sys.Segments, kernelSegment(img, name))
	}
}

func kernelTar(k config.Kernel) string {
	switch {
	case k.Tar == nil:
		return defaultKernelTar
	case *k.Tar == "none":
		return ""
	default:
		return *k.Tar
	}
}

// bootFile describes the file of that name in img.
func bootFile(img *image.Image, name, inImage string) *BootFile {
	return &BootFile{
		Name: name, image: img,
		Key: imageKey(img, "bootfile", inImage),
		Read: func(ctx context.Context, fn func(size, mode int64, r io.Reader) error) error {
			return readFile(ctx, img, inImage, func(e *Entry) error {
				return fn(e.Header.Size, e.Header.Mode, e.Content)
			})
		},
	}
}

// readFile calls fn with one regular file of an image.
func readFile(ctx context.Context, img *image.Image, name string, fn func(*Entry) error) error {
	found := false
	only := layer.Options{Keep: func(n string) bool { return n == name }}
	err := layer.Flatten(ctx, img.Layers(), only, func(e *Entry) error {
		if e.Header.Typeflag != tar.TypeReg {
			return fmt.Errorf("%q of image %s is not a regular file", name, img.Ref)
		}
		found = true
		return fn(e)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %q of image %s", ErrNoFile, name, img.Ref)
	}
	return err
}

// readSmall returns the content of one file of an image, at most limit bytes.
func readSmall(ctx context.Context, img *image.Image, name string, limit int64) ([]byte, error) {
	var data []byte
	err := readFile(ctx, img, name, func(e *Entry) (err error) {
		if e.Header.Size > limit {
			return fmt.Errorf("%q of image %s has %d bytes, more than %d", name, img.Ref, e.Header.Size, limit)
		}
		data, err = io.ReadAll(e.Content)
		return err
	})
	return data, err
}

// kernelSegment holds what the kernel's tarball unpacks at the root.
func kernelSegment(img *image.Image, name string) *Segment {
	tarball := layer.Blob{
		Digest: name + " of image " + img.Ref,
		Open:   func(ctx context.Context) (io.ReadCloser, error) { return openFile(ctx, img, name), nil },
	}
	return &Segment{
		Source: img.Ref, Location: kernelLocation, image: img,
		Key:   imageKey(img, "kerneltar", name),
		Title: "Extract kernel image: " + img.Ref,
		walk: func(ctx context.Context, _ *Tree, emit Emit) error {
			err := layer.Flatten(ctx, []layer.Blob{tarball}, layer.Options{}, emit)
			if errors.Is(err, ErrNoFile) {
				return fmt.Errorf("did not find kernel tar in kernel image: %w (name it in kernel.tar, or give \"none\")", err)
			}
			return err
		},
	}
}

// openFile returns a stream of one regular file of an image.
func openFile(ctx context.Context, img *image.Image, name string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(readFile(ctx, img, name, func(e *Entry) error {
			_, err := io.Copy(w, e.Content)
			return err
		}))
	}()
	return r
}

// cleanName returns name relative to the root, or an error if it leaves it.
func cleanName(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", fmt.Errorf("entry %q leaves the root filesystem", name)
	}
	return clean, nil
}
