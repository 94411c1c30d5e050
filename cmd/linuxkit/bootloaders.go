package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/pkglib"
)

const (
	// bootLoaders is the image of tools/boot.
	bootLoaders = "linuxkit/boot:55f9f8bfe8186a5a4c84a268c87bde38ff13e2a5"
	// bootLoadersDir is where its package is in a repository.
	bootLoadersDir = "tools/boot"
)

// loadBootLoaders reads the boot loaders if one of the formats needs them.
func (p *project) loadBootLoaders(ctx context.Context, local *pkglib.Local, files []string) (*bootloader.Set, error) {
	if !slices.ContainsFunc(p.options.formats, func(f output.Format) bool { return f.NeedsLoaders }) {
		return nil, nil
	}
	ref, err := bootLoadersRef(ctx, local, files, p.options.loaders)
	if err != nil {
		return nil, err
	}
	img, err := p.images.Image(ctx, ref, ocispec.Platform{OS: "linux", Architecture: p.options.arch})
	if err != nil {
		return nil, fmt.Errorf("find boot loaders: %w; --boot-loaders names another image", err)
	}
	return bootloader.Load(ctx, img.Layers(), p.options.arch)
}

// bootLoadersRef returns the name of the image: as given, that of the package
// in the repository of one of the files, or the usual one.
func bootLoadersRef(ctx context.Context, local *pkglib.Local, files []string, given string) (string, error) {
	if dir, ok := strings.CutPrefix(given, "@pkg:"); ok {
		return local.Package(ctx, dir)
	}
	if given != "" {
		return reference.Expand(given), nil
	}
	for _, file := range files {
		if dir := bootLoadersBeside(file); dir != "" {
			return local.Package(ctx, dir)
		}
	}
	return reference.Expand(bootLoaders), nil
}

// bootLoadersBeside returns the directory of the boot loaders' package in the
// repository that a file is in, or nothing.
func bootLoadersBeside(file string) string {
	dir, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
			continue
		}
		pkg := filepath.Join(dir, filepath.FromSlash(bootLoadersDir))
		if _, err := os.Stat(filepath.Join(pkg, "build.yml")); err == nil {
			return pkg
		}
		return ""
	}
	return ""
}
