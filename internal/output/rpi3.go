package output

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

const (
	// rpiTrees are the device trees of the boards, in the tree of the system.
	rpiTrees = "boot/dtb/broadcom/bcm2837-rpi-*.dtb"
	maxTree  = 1 << 20

	rpiConfig = `# How the firmware of the Raspberry Pi starts U-Boot.
arm_64bit=1
enable_uart=1
upstream_kernel=1
kernel=u-boot.bin
`
)

func init() {
	register(Format{
		Name: "rpi3", suffixes: []string{".tar"}, files: writeRPi3,
		arches: []string{"arm64"}, needsKernel: true, Loaders: bootloader.RaspberryPi,
	})
}

// writeRPi3 writes a tar of what belongs on the FAT file system of an SD card
// for the Raspberry Pi 3.
func writeRPi3(ctx context.Context, b *build, out *fileSet) error {
	card := map[string]blob{}
	for _, part := range []func(context.Context) ([]named, error){b.rpiLoaders, b.rpiTrees, b.rpiImages} {
		files, err := part(ctx)
		if err != nil {
			return err
		}
		for _, f := range files {
			if _, own := card[f.path]; !own {
				card[f.path] = f.blob
			}
		}
	}
	return out.write(".tar", func(f *os.File) error {
		t, made := newTarWriter(f), map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(card)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.onCard(named{name, card[name]}, made); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
		}
		return t.w.Close()
	})
}

// onCard writes a file, with the directories above it that are not made yet.
func (t *tarWriter) onCard(f named, made map[string]bool) error {
	name := "./" + f.path
	for i, c := range name {
		dir := name[:i+1]
		if c != '/' || made[dir] {
			continue
		}
		made[dir] = true
		h := &tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: rootfs.GeneratedTime}
		if err := t.w.WriteHeader(h); err != nil {
			return err
		}
	}
	return t.plain(name, f.size, f.reader())
}

// rpiLoaders returns the firmware and what it starts. What is beside the
// firmware in its package comes first, so it replaces anything else.
func (b *build) rpiLoaders(context.Context) ([]named, error) {
	uboot, err := b.loader(bootloader.UBoot)
	if err != nil {
		return nil, err
	}
	licence, err := b.loader(bootloader.RaspiLicence)
	if err != nil {
		return nil, err
	}
	firmware, err := b.opts.Loaders.RaspiFirmware()
	if err != nil {
		return nil, err
	}
	var files []named
	for name, data := range firmware {
		files = append(files, named{name, bytesBlob(data)})
	}
	return append(files, named{"config.txt", textBlob(rpiConfig)}, named{"u-boot.bin", uboot}, named{string(bootloader.RaspiLicence), licence}), nil
}

// rpiTrees returns the device trees: for U-Boot where it looks for them, and
// for the firmware, which hands one to U-Boot, beside it.
func (b *build) rpiTrees(ctx context.Context) ([]named, error) {
	merged, err := rootfs.Merge(ctx, b.Segments)
	if err != nil {
		return nil, err
	}
	var files []named
	err = merged.Walk(ctx, func(e *rootfs.Entry) error {
		name := e.Header.Name
		if ok, _ := path.Match(rpiTrees, name); !ok || e.Header.Typeflag != tar.TypeReg {
			return nil
		}
		data, err := readAtMost(e, maxTree)
		files = append(files, named{strings.TrimPrefix(name, "boot/"), bytesBlob(data)}, named{path.Base(name), bytesBlob(data)})
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("the tree has no %s; the kernel needs a tarball with device trees, as kernel/debian-generic has", rpiTrees)
	}
	return files, err
}

func readAtMost(e *rootfs.Entry, limit int64) ([]byte, error) {
	if e.Header.Size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", e.Header.Name, e.Header.Size, limit)
	}
	if e.Content == nil {
		return nil, nil
	}
	return io.ReadAll(e.Content)
}
