package output

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/format/fat"
	"github.com/linuxkit/linuxkit/internal/format/iso9660"
)

const (
	// espName is the file system that UEFI boots, on an ISO image.
	espName  = "boot.img"
	isolinux = "isolinux/isolinux.bin"
)

func init() {
	iso := func(name, suffix string, arches []string, plan func(context.Context, *build) (*isoPlan, error)) Format {
		return Format{
			Name: name, suffixes: []string{suffix}, arches: arches, needsKernel: true, Loaders: bootloader.Firmware,
			files: func(ctx context.Context, b *build, out *fileSet) error {
				p, err := plan(ctx, b)
				if err != nil {
					return err
				}
				return out.write(suffix, func(f *os.File) error { return p.write(ctx, b, f) })
			},
		}
	}
	register(
		iso("iso-bios", ".iso", biosArches, planISOBIOS),
		iso("iso-efi", "-efi.iso", efiArches, planISOEFI),
		iso("iso-efi-initrd", "-efi-initrd.iso", efiArches, planISOEFIInitrd),
		iso("iso", ".iso", efiArches, planISO),
		Format{Name: "kernel+iso", suffixes: []string{"-kernel", "-cmdline", ".iso", rootInitrdSuffix("iso")}, files: writeKernelISO},
	)
}

// isoDrivers are what it takes to mount an ISO image as the root.
var isoDrivers = []string{"ISO9660_FS", "BLK_DEV_SR", "SATA_AHCI", "VIRTIO_BLK", "VIRTIO_PCI"}

// writeKernelISO writes an image that holds the root and boots nothing.
func writeKernelISO(ctx context.Context, b *build, out *fileSet) error {
	if err := writeKernelCmdline(ctx, b, out); err != nil {
		return err
	}
	if err := b.writeRootInitrd(ctx, "iso", isoDrivers, out); err != nil {
		return err
	}
	p := newISO()
	p.tree = true
	return out.write(".iso", func(f *os.File) error { return p.write(ctx, b, f) })
}

// rootPayload boots a root on the device, unless the command line names one.
func (b *build) rootPayload(ctx context.Context, device string, words ...string) (p payload, err error) {
	if p.kernel, err = b.kernel(ctx); err != nil {
		return p, err
	}
	initrd, err := b.rootInitrd(ctx, "iso9660", isoDrivers)
	if err != nil {
		return p, err
	}
	if !strings.Contains(b.Cmdline, "root=") {
		words = append([]string{"root=" + device}, words...)
	}
	p.initrd, p.cmdline = imageBlob(initrd), b.withWords(words...)
	return p, nil
}

func planISOBIOS(ctx context.Context, b *build) (*isoPlan, error) {
	pay, err := b.rootPayload(ctx, "/dev/sr0")
	if err != nil {
		return nil, err
	}
	p := newISO(iso9660.Boot{Platform: iso9660.BIOS, Path: isolinux, InfoTable: true})
	p.tree = true
	if err := b.addISOLINUX(ctx, p, pay.syslinuxConfig("/boot/kernel", "/boot/initrd.img")); err != nil {
		return nil, err
	}
	p.add("boot/kernel", pay.kernel)
	if pay.initrd.size > 0 {
		p.add("boot/initrd.img", pay.initrd)
	}
	return p, nil
}

// addISOLINUX adds what a BIOS boots, from a CD and from a disk.
func (b *build) addISOLINUX(ctx context.Context, p *isoPlan, config blob) error {
	var found [3]blob
	for i, f := range []bootloader.File{bootloader.Isolinux, bootloader.Ldlinux, bootloader.IsoHybrid} {
		var err error
		if found[i], err = b.loader(f); err != nil {
			return err
		}
	}
	p.add(isolinux, found[0])
	p.add("isolinux/ldlinux.c32", found[1])
	p.add("isolinux/isolinux.cfg", config)
	code, err := io.ReadAll(found[2].reader())
	if err != nil {
		return err
	}
	return b.makeHybrid(ctx, p, code)
}

// makeHybrid makes the image a disk too.
func (b *build) makeHybrid(ctx context.Context, p *isoPlan, code []byte) error {
	seed, err := b.seed(ctx, "iso")
	p.opts.Hybrid = &iso9660.Hybrid{Code: code, Seed: seed}
	return err
}

// addESP adds the file system that UEFI boots, and its files as parts of it
// under the names that at gives them; those without name are not seen.
func (b *build) addESP(ctx context.Context, p *isoPlan, pay payload, at func(path string) string) error {
	files, err := b.espFiles(pay)
	if err != nil {
		return err
	}
	opts, err := b.fatOptions(ctx, "iso")
	if err != nil {
		return err
	}
	fs, err := fat.New(fatFiles(files), opts)
	if err != nil {
		return err
	}
	content, err := fs.Image()
	if err != nil {
		return err
	}
	p.add(espName, imageBlob(content))
	for i, f := range files {
		if name := at(f.path); name != "" && f.size > 0 {
			p.parts = append(p.parts, isoPart{path: name, of: espName, offset: fs.Offsets[i], size: f.size})
		}
	}
	return nil
}

// efiISO is an image for UEFI.
func (b *build) efiISO(ctx context.Context) (*isoPlan, error) {
	p := newISO(iso9660.Boot{Platform: iso9660.UEFI, Path: espName})
	p.opts.NoJoliet = true
	return p, b.makeHybrid(ctx, p, nil)
}

// planISOEFI has the tree on the image. The firmware reads only its own file
// system, which is why the kernel is in that.
func planISOEFI(ctx context.Context, b *build) (*isoPlan, error) {
	device := "/dev/vda"
	if b.opts.Arch == "amd64" {
		device = "/dev/sr0"
	}
	pay, err := b.rootPayload(ctx, device, "text")
	if err != nil {
		return nil, err
	}
	p, err := b.efiISO(ctx)
	if err != nil {
		return nil, err
	}
	p.tree = true
	p.add("EFI/BOOT/grub.cfg", pay.grubConfig("/boot/kernel", "/boot/initrd.img"))
	return p, b.addESP(ctx, p, pay, func(path string) string {
		return map[string]string{"kernel": "boot/kernel", "initrd.img": "boot/initrd.img"}[path]
	})
}

func planISOEFIInitrd(ctx context.Context, b *build) (*isoPlan, error) {
	pay, err := b.initrdPayload(ctx, "text")
	if err != nil {
		return nil, err
	}
	p, err := b.efiISO(ctx)
	if err != nil {
		return nil, err
	}
	p.add("EFI/BOOT/grub.cfg", pay.grubConfig("/kernel", "/initrd.img"))
	return p, b.addESP(ctx, p, pay, samePath)
}

// samePath shows all files, so that copying those of the image to a FAT file
// system gives one that boots as well.
func samePath(path string) string { return path }

// planISO boots the tree as an initrd, from CD and USB stick, by BIOS where the
// architecture has one, and by UEFI.
func planISO(ctx context.Context, b *build) (*isoPlan, error) {
	pay, err := b.initrdPayload(ctx)
	if err != nil {
		return nil, err
	}
	p, err := b.efiISO(ctx)
	if err != nil {
		return nil, err
	}
	if b.opts.Arch == "amd64" {
		p.opts.Boot = append([]iso9660.Boot{{Platform: iso9660.BIOS, Path: isolinux, InfoTable: true}}, p.opts.Boot...)
		if err := b.addISOLINUX(ctx, p, pay.syslinuxConfig("/kernel", "/initrd.img")); err != nil {
			return nil, err
		}
	}
	p.opts.NoJoliet = false
	p.add("EFI/BOOT/grub.cfg", pay.grubConfig("/kernel", "/initrd.img"))
	return p, b.addESP(ctx, p, pay, samePath)
}
