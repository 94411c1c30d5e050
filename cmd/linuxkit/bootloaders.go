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
	"github.com/linuxkit/linuxkit/internal/layer"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/pkglib"
)

// bootLoaders are the images of the packages with boot loaders.
var bootLoaders = map[bootloader.Package]string{
	bootloader.Firmware:    "linuxkit/boot:55f9f8bfe8186a5a4c84a268c87bde38ff13e2a5",
	bootloader.RaspberryPi: "linuxkit/rpi:688c86702870884d73ad1ecb05b854d9183af0fa",
}

// loadBootLoaders reads the boot loaders that the formats need.
func (p *project) loadBootLoaders(ctx context.Context, local *pkglib.Local, files []string) (*bootloader.Set, error) {
	var layers []layer.Blob
	for _, pkg := range loaderPackages(p.formats) {
		ref, err := bootLoadersRef(ctx, local, files, pkg, p.options.loaders)
		if err != nil {
			return nil, err
		}
		img, err := p.images.Image(ctx, ref, ocispec.Platform{OS: "linux", Architecture: p.options.arch})
		if err != nil {
			return nil, fmt.Errorf("find boot loaders: %w; --boot-loaders names another image", err)
		}
		layers = append(layers, img.Layers()...)
	}
	if layers == nil {
		return nil, nil
	}
	return bootloader.Load(ctx, layers, p.options.arch)
}

// loaderPackages returns the packages that formats need, each once.
func loaderPackages(formats []output.Format) []bootloader.Package {
	var all []bootloader.Package
	for _, f := range formats {
		if f.Loaders != "" && !slices.Contains(all, f.Loaders) {
			all = append(all, f.Loaders)
		}
	}
	return all
}

// bootLoadersRef returns the name of the image: as given, that of the package
// in the repository of one of the files, or the usual one.
func bootLoadersRef(ctx context.Context, local *pkglib.Local, files []string, pkg bootloader.Package, given string) (string, error) {
	if dir, ok := strings.CutPrefix(given, "@pkg:"); ok {
		return local.Package(ctx, dir)
	}
	if given != "" {
		return reference.Expand(given), nil
	}
	for _, file := range files {
		if dir := bootLoadersBeside(file, pkg); dir != "" {
			return local.Package(ctx, dir)
		}
	}
	return reference.Expand(bootLoaders[pkg]), nil
}

// bootLoadersBeside returns the directory of a package of boot loaders in the
// repository that a file is in, or nothing.
func bootLoadersBeside(file string, pkg bootloader.Package) string {
	dir, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
			continue
		}
		found := filepath.Join(dir, filepath.FromSlash(string(pkg)))
		if _, err := os.Stat(filepath.Join(found, "build.yml")); err == nil {
			return found
		}
		return ""
	}
	return ""
}
