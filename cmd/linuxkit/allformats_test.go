package main

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/pkglib"
)

// bootable is a system that can be written in every format.
const bootable = `
kernel: {image: "test/kernel:1", tar: none, cmdline: "console=ttyS0 quiet"}
init: ["conf/init:v1", "conf/layers:v1"]
services: [{name: app, image: "conf/app:v1"}]
files: [{path: etc/name, contents: text}, {path: boot/dtb/broadcom/bcm2837-rpi-3-b.dtb, contents: tree}]
`

// worldArches are the architectures of the images of a bootable world, by
// package of boot loaders.
var worldArches = map[bootloader.Package][]string{
	bootloader.Firmware:    {"amd64", "arm64"},
	bootloader.RaspberryPi: {"arm64"},
}

// bootableWorld is a cache with all that the system bootable takes in every
// format, and its configuration, which is in no repository. Its kernel is a
// program of UEFI, as kernels are.
func bootableWorld(t *testing.T) (cache, config string) {
	t.Helper()
	cache, config = copyRecorded(t), filepath.Join(t.TempDir(), "x.yml")
	writeFile(t, config, bootable)
	for pkg, name := range bootLoaders {
		loaders := map[string][]func(io.Writer) error{}
		for arch, img := range bootLoaderImages(t, pkg) {
			for _, blob := range img.Layers() {
				loaders[arch] = append(loaders[arch], func(w io.Writer) error { return copyLayer(t.Context(), w, blob) })
			}
		}
		addImages(t, cache, reference.Expand(name), loaders)
	}
	kernels := map[string][]func(io.Writer) error{}
	for arch, img := range bootLoaderImages(t, bootloader.Firmware) {
		kernels[arch] = []func(io.Writer) error{kernelLike(t, img, arch)}
	}
	addImages(t, cache, reference.Expand("test/kernel:1"), kernels)
	return cache, config
}

func copyLayer(ctx context.Context, w io.Writer, l layer.Blob) error {
	r, err := l.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// bootLoaderImages finds the images of a package in the cache of the host, or
// makes them, which downloads Debian packages.
func bootLoaderImages(t *testing.T, pkg bootloader.Package) map[string]*image.Image {
	t.Helper()
	dir := filepath.Join("../..", filepath.FromSlash(string(pkg)))
	ref, err := pkglib.NewLocal(pkglib.WithBuildCacheDir(t.TempDir())).Package(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("LINUXKIT_CACHE")
	if cache == "" {
		cache = filepath.Join(t.TempDir(), "loaders")
	}
	if found, err := findImages(t.Context(), cache, ref, worldArches[pkg]); err == nil {
		return found
	}
	if os.Getenv("LINUXKIT_TEST_DEBIAN") == "" {
		t.Skip("set LINUXKIT_TEST_DEBIAN=1 to download boot loaders from the Debian mirror, or LINUXKIT_CACHE to a cache that has them")
	}
	succeed(t, "--cache", cache, "pkg", "build", "--platforms", "linux/"+strings.Join(worldArches[pkg], ",linux/"), dir)
	found, err := findImages(t.Context(), cache, ref, worldArches[pkg])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func findImages(ctx context.Context, cache, ref string, arches []string) (map[string]*image.Image, error) {
	s, err := content.Open(cache)
	if err != nil {
		return nil, err
	}
	found := map[string]*image.Image{}
	for _, arch := range arches {
		r := image.Resolver{Store: s}
		if found[arch], err = r.Image(ctx, ref, ocispec.Platform{OS: "linux", Architecture: arch}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// kernelLike is a layer with a program of UEFI that has the name of a kernel.
func kernelLike(t *testing.T, loaders *image.Image, arch string) func(io.Writer) error {
	t.Helper()
	set, err := bootloader.Load(t.Context(), loaders.Layers(), arch)
	if err != nil {
		t.Fatal(err)
	}
	program, err := set.Get(bootloader.SystemdBoot)
	if err != nil {
		t.Fatal(err)
	}
	if arch == "arm64" {
		program = slices.Concat(program[:56], []byte("ARM\x64"), program[60:])
	}
	return func(w io.Writer) error {
		a := tar.NewWriter(w)
		if err := a.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "kernel", Mode: 0o644, Size: int64(len(program))}); err != nil {
			return err
		}
		if _, err := a.Write(program); err != nil {
			return err
		}
		return a.Close()
	}
}

// formatGroups returns all formats of an architecture in lists that can be
// built at once.
func formatGroups(arch string) [][]string {
	var groups [][]string
	for _, name := range output.Names() {
		if _, err := output.Select([]string{name}, arch); err != nil {
			continue
		}
		i := slices.IndexFunc(groups, func(group []string) bool {
			_, err := output.Select(append(slices.Clone(group), name), arch)
			return err == nil
		})
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], name)
	}
	return groups
}
