package output

import (
	"context"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fat"
	"github.com/linuxkit/linuxkit/internal/format/gpt"
	"github.com/linuxkit/linuxkit/internal/format/uki"
)

const (
	osRelease  = "ID=linuxkit\nNAME=\"LinuxKit\"\nPRETTY_NAME=\"LinuxKit\"\n"
	loaderConf = "timeout 0\n"
)

// unified returns kernel, initrd, microcode and command line as one EFI
// program.
func (b *build) unified(ctx context.Context, words ...string) (*disk.Image, error) {
	stub, err := b.loader(bootloader.Stub)
	if err != nil {
		return nil, err
	}
	kernel, err := b.kernel(ctx)
	if err != nil {
		return nil, err
	}
	initrd, err := b.initrd(ctx)
	if err != nil {
		return nil, err
	}
	spec := uki.Spec{
		Stub: uki.Blob{Data: stub.data, Size: stub.size}, Linux: uki.Blob{Data: kernel.data, Size: kernel.size},
		Initrd: uki.Blob{Data: initrd, Size: initrd.Size}, Cmdline: b.withWords(words...), OSRelease: osRelease,
	}
	if b.UCode != nil {
		u, err := b.ucode(ctx)
		if err != nil {
			return nil, err
		}
		spec.Microcode = uki.Blob{Data: u.data, Size: u.size}
	}
	return uki.New(ctx, spec)
}

// espFiles are what systemd-boot needs to boot p from an EFI system partition.
func (b *build) espFiles(p payload) ([]named, error) {
	if err := checkEFIKernel(p.kernel); err != nil {
		return nil, err
	}
	files, err := b.sdBoot()
	if err != nil {
		return nil, err
	}
	files = append(files, named{"loader/entries/linuxkit.conf", p.sdBootEntry()}, named{"kernel", p.kernel})
	if p.initrd.size > 0 {
		files = append(files, named{"initrd.img", p.initrd})
	}
	return files, nil
}

// sdBoot are the files of systemd-boot itself.
func (b *build) sdBoot() ([]named, error) {
	loader, err := b.loader(bootloader.SystemdBoot)
	if err != nil {
		return nil, err
	}
	path, err := bootloader.EFIPath(b.opts.Arch)
	return []named{{path, loader}, {"loader/loader.conf", textBlob(loaderConf)}}, err
}

// checkEFIKernel refuses kernels that firmware cannot start.
func checkEFIKernel(kernel blob) error {
	if _, err := uki.Sections(kernel.data, kernel.size); err != nil {
		return fmt.Errorf("kernel: %w; it has to be built with CONFIG_EFI_STUB, and --decompress-kernel must not be given", err)
	}
	return nil
}

// efiDisk returns a disk with one EFI system partition.
func (b *build) efiDisk(ctx context.Context, format string, files []named, kind fat.Type) (*disk.Image, error) {
	opts, err := b.partitionOptions(ctx, format, fatFiles(files), kind)
	if err != nil {
		return nil, err
	}
	fs, err := fat.New(fatFiles(files), opts)
	if err != nil {
		return nil, err
	}
	content, err := fs.Image()
	if err != nil {
		return nil, err
	}
	im, err := gpt.Disk{
		Seed: opts.Seed, Size: b.diskSize(0, disk.Align, fs.Size+slack),
		Partitions: []gpt.Partition{{Type: gpt.TypeESP, Name: "EFI System", Attributes: gpt.LegacyBoot, Content: content}},
	}.Image()
	return im, adviseSize(err, fs.Size)
}

// unifiedDisk boots a unified kernel image.
func (b *build) unifiedDisk(ctx context.Context) (*disk.Image, error) {
	image, err := b.unified(ctx, "text")
	if err != nil {
		return nil, err
	}
	files, err := b.sdBoot()
	if err != nil {
		return nil, err
	}
	return b.efiDisk(ctx, "raw-efi", append(files, named{"EFI/Linux/linuxkit.efi", imageBlob(image)}), fat.FAT32)
}

// entryDisk boots kernel and initrd as two files.
func (b *build) entryDisk(ctx context.Context) (*disk.Image, error) {
	p, err := b.initrdPayload(ctx, "text")
	if err != nil {
		return nil, err
	}
	files, err := b.espFiles(p)
	if err != nil {
		return nil, err
	}
	return b.efiDisk(ctx, "qcow2-efi", files, fat.Auto)
}
