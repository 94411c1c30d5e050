package output

import (
	"archive/tar"
	"context"
	"os"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/qcow2"
	"github.com/linuxkit/linuxkit/internal/format/vhd"
	"github.com/linuxkit/linuxkit/internal/format/vmdk"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

func init() {
	bios := func(name, suffix string, files func(context.Context, *build, *fileSet) error) Format {
		return Format{Name: name, suffixes: []string{suffix}, files: files, arches: biosArches, needsKernel: true, Loaders: bootloader.Firmware}
	}
	efi := func(name, suffix string, files func(context.Context, *build, *fileSet) error) Format {
		return Format{Name: name, suffixes: []string{suffix}, files: files, arches: efiArches, needsKernel: true, Loaders: bootloader.Firmware}
	}
	register(
		bios("raw-bios", "-bios.img", writeRawBIOS),
		bios("aws", ".raw", writeAWS),
		bios("qcow2-bios", ".qcow2", writeQcow2BIOS),
		bios("gcp", ".img.tar.gz", writeGCP),
		bios("vhd", ".vhd", writeVHD),
		bios("dynamic-vhd", ".vhd", writeDynamicVHD),
		bios("vmdk", ".vmdk", writeVMDK),
		bios("ova", ".ova", writeOVA),
		efi("raw-efi", "-efi.img", writeRawEFI),
		efi("qcow2-efi", "-efi.qcow2", writeQcow2EFI),
		efi("uki", ".efi", writeUKI),
	)
}

func writeRawBIOS(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.biosDisk(ctx, "raw-bios", 0, mib)
	if err != nil {
		return err
	}
	return out.image(ctx, "-bios.img", im)
}

func writeAWS(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.biosDisk(ctx, "aws", gib, mib)
	if err != nil {
		return err
	}
	return out.image(ctx, ".raw", im)
}

func writeQcow2BIOS(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.biosDisk(ctx, "qcow2-bios", gib, mib)
	if err != nil {
		return err
	}
	return writeQcow2(ctx, ".qcow2", im, out)
}

func writeQcow2(ctx context.Context, suffix string, im *disk.Image, out *fileSet) error {
	encoded, err := qcow2.Encode(im)
	if err != nil {
		return err
	}
	return out.image(ctx, suffix, encoded)
}

// cloudDisk is a disk that carries its command line as a file, too.
func (b *build) cloudDisk(ctx context.Context, format string, usual, unit int64) (*disk.Image, error) {
	return b.biosDisk(ctx, format, usual, unit, named{"cmdline", textBlob(b.Cmdline)})
}

// writeGCP writes a compressed tar that holds disk.raw, of whole GiB.
func writeGCP(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.cloudDisk(ctx, "gcp", gib, gib)
	if err != nil {
		return err
	}
	return out.write(".img.tar.gz", func(f *os.File) (err error) {
		z, err := newGzipWriter(f)
		if err != nil {
			return err
		}
		defer closeWith(z.Close, &err)
		w := tar.NewWriter(z)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: "disk.raw", Mode: 0o644, Size: im.Size, ModTime: rootfs.GeneratedTime, Format: tar.FormatGNU}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if err := im.WriteStream(ctx, w); err != nil {
			return err
		}
		return w.Close()
	})
}

func (b *build) vhdOptions(ctx context.Context, format string) (vhd.Options, error) {
	seed, err := b.seed(ctx, format)
	return vhd.Options{Seed: seed, Time: rootfs.GeneratedTime}, err
}

func writeVHD(ctx context.Context, b *build, out *fileSet) error {
	return b.writeVHD(ctx, "vhd", gib, vhd.Fixed, out)
}

func writeDynamicVHD(ctx context.Context, b *build, out *fileSet) error {
	return b.writeVHD(ctx, "dynamic-vhd", 25*gib, vhd.Dynamic, out)
}

func (b *build) writeVHD(ctx context.Context, format string, usual int64, encode func(*disk.Image, vhd.Options) (*disk.Image, error), out *fileSet) error {
	im, err := b.cloudDisk(ctx, format, usual, mib)
	if err != nil {
		return err
	}
	opts, err := b.vhdOptions(ctx, format)
	if err != nil {
		return err
	}
	encoded, err := encode(im, opts)
	if err != nil {
		return err
	}
	return out.image(ctx, ".vhd", encoded)
}

func writeVMDK(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.cloudDisk(ctx, "vmdk", gib, mib)
	if err != nil {
		return err
	}
	return out.write(".vmdk", func(f *os.File) error { return b.encodeVMDK(ctx, im, b.opts.Name+".vmdk", f) })
}

func (b *build) encodeVMDK(ctx context.Context, im *disk.Image, name string, f *os.File) error {
	seed, err := b.seed(ctx, name)
	if err != nil {
		return err
	}
	return vmdk.Write(ctx, f, im, vmdk.Options{Seed: seed, Name: name})
}

func writeRawEFI(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.unifiedDisk(ctx)
	if err != nil {
		return err
	}
	return out.image(ctx, "-efi.img", im)
}

func writeQcow2EFI(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.entryDisk(ctx)
	if err != nil {
		return err
	}
	return writeQcow2(ctx, "-efi.qcow2", im, out)
}

func writeUKI(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.unified(ctx)
	if err != nil {
		return err
	}
	return out.image(ctx, ".efi", im)
}
