package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/registry"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// checkInputTar refuses what would make the input useless or destroy it.
func (o *buildOptions) checkInputTar() error {
	if o.inputTar == "" {
		return nil
	}
	if o.pull {
		return errors.New("--input-tar saves pulling and --pull demands it; give one of them")
	}
	input, err := os.Stat(o.inputTar)
	if err != nil {
		return fmt.Errorf("--input-tar: %w", err)
	}
	for _, name := range o.outputs() {
		if same, err := os.Stat(name); err == nil && os.SameFile(input, same) {
			return fmt.Errorf("--input-tar %s is the output %s; give another name to one of them", o.inputTar, name)
		}
	}
	return nil
}

// outputs are the names of all files that are going to be written.
func (o *buildOptions) outputs() []string {
	if o.out != "" {
		return []string{o.out}
	}
	var all []string
	for _, f := range o.formats {
		all = append(all, f.Files(filepath.Join(o.dir, o.name))...)
	}
	return all
}

// needsKernel tells whether a format looks into the kernel.
func (o *buildOptions) needsKernel() bool {
	return o.decompress || slices.ContainsFunc(o.formats, func(f output.Format) bool { return !f.Streamable })
}

// reuse is the tar of an earlier build, and a place for what describes images.
type reuse struct {
	*rootfs.Reuse
	dir string
}

// newReuse opens the input tar, nil if there is none.
func (a *app) newReuse(ctx context.Context, o buildOptions, images *image.Resolver) (_ *reuse, err error) {
	if o.inputTar == "" {
		return nil, nil
	}
	old, err := rootfs.OpenOldTar(ctx, o.inputTar)
	if err != nil {
		return nil, fmt.Errorf("--input-tar: %w", err)
	}
	r := &reuse{Reuse: &rootfs.Reuse{Tar: old, Kernel: !o.needsKernel()}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.dir, err = os.MkdirTemp("", "linuxkit-images-*"); err != nil {
		return nil, err
	}
	store, err := content.Open(r.dir)
	if err != nil {
		return nil, err
	}
	remote, err := a.client(registry.Options{Store: store, Bare: true})
	if err != nil {
		return nil, err
	}
	bare := &image.Resolver{Store: store, Remote: remote, Bare: true, Check: images.Check, Pin: images.Pin}
	r.Describe = func(ctx context.Context, ref string, p ocispec.Platform) (*image.Image, error) {
		return bare.Image(ctx, ref, p)
	}
	return r, nil
}

func (r *reuse) close() {
	r.Tar.Close()
	os.RemoveAll(r.dir)
}
