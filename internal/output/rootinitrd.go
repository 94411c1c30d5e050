package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// rootInitrdVersion is part of the keys of cached archives.
const rootInitrdVersion = 1

// rootModules are what it may take to find and mount a root, as far as the
// system has them.
var rootModules = []string{
	"virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod", "sr_mod", "ahci", "ata_piix", "ata_generic", "nvme",
	"mptspi", "mptsas", "vmw_pvscsi", "hv_storvsc", "xen_blkfront", "usb_storage", "uas", "xhci_pci", "ehci_pci", "mmc_block", "sdhci_pci",
	"squashfs", "erofs", "isofs", "ext4", "crc32c_generic", "crc32c_cryptoapi", "nls_utf8", "nls_ascii", "nls_iso8859_1",
}

var errNoInit = errors.New("the init images have no /init that could load it")

// rootInitrd returns the initrd that mounts a root of some kind: the microcode
// and, if one of the drivers is a module of the kernel, an archive of the
// system's own /init with the modules. The image is empty if nothing is needed.
func (b *build) rootInitrd(ctx context.Context, kind string, drivers []string) (*disk.Image, error) {
	driver, err := b.missingDriver(ctx, kind, drivers)
	if err != nil {
		return nil, err
	}
	if driver == "" {
		return b.microcodeAnd(ctx, nil)
	}
	archive, err := b.rootArchive(ctx, fsModules[driver])
	if err != nil {
		return nil, fmt.Errorf("make an initrd, because CONFIG_%s is a module of the kernel: %w", driver, err)
	}
	return b.microcodeAnd(ctx, archive)
}

// fsModules are the modules of file systems by the option of the kernel.
var fsModules = map[string]string{"SQUASHFS": "squashfs", "EROFS_FS": "erofs", "ISO9660_FS": "isofs"}

// missingDriver returns the first driver that is a module.
func (b *build) missingDriver(ctx context.Context, kind string, drivers []string) (string, error) {
	for i, name := range drivers {
		value, err := b.kernelOption(ctx, name)
		if err != nil {
			return "", err
		}
		switch {
		case value == "m":
			return name, nil
		case value == "" && i == 0:
			progress.From(ctx).Message(progress.Warn, fmt.Sprintf("the kernel cannot mount %s: CONFIG_%s is not set", kind, name))
		}
	}
	return "", nil
}

// rootArchive returns the archive of /init and modules. The module given, if
// any, has to be there.
func (b *build) rootArchive(ctx context.Context, needed string) (*disk.Image, error) {
	c, err := b.initrdCodec(ctx)
	if err != nil {
		return nil, err
	}
	segments := bootSegments(b.Segments)
	key := fmt.Sprintf("rootinitrd/%d/%s/%s", rootInitrdVersion, c, needed)
	for _, s := range segments {
		key += "/" + s.Key
	}
	f, err := b.derive(ctx, key, func(w io.Writer) error { return writeRootArchive(ctx, segments, needed, c, w) })
	if err != nil {
		return nil, err
	}
	b.keep(f)
	content, err := fileBlob(f)
	if err != nil {
		return nil, err
	}
	return disk.New(content.size, disk.Extent{Length: content.size, Data: content.data})
}

// bootSegments are those of kernel and init images.
func bootSegments(all []*rootfs.Segment) []*rootfs.Segment {
	var some []*rootfs.Segment
	for _, s := range all {
		if s.Key != "" && (s.Location == "kernel" || strings.HasPrefix(s.Location, "init[")) {
			some = append(some, s)
		}
	}
	return some
}

func writeRootArchive(ctx context.Context, segments []*rootfs.Segment, needed string, c codec, w io.Writer) (err error) {
	tree, err := rootfs.Merge(ctx, segments)
	if err != nil {
		return err
	}
	plan := &rootPlan{}
	if err := tree.Walk(ctx, plan.look); err != nil {
		return err
	}
	if err := plan.choose(needed); err != nil {
		return err
	}
	enc, err := newEncoder(w, c)
	if err != nil {
		return err
	}
	defer closeWith(enc.close, &err)
	a := &rootWriter{enc: enc, plan: plan}
	if err := a.begin(); err != nil {
		return err
	}
	return tree.Walk(ctx, a.copy)
}
