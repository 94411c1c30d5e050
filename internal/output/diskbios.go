package output

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fat"
	"github.com/linuxkit/linuxkit/internal/format/mbr"
	"github.com/linuxkit/linuxkit/internal/format/syslinux"
)

// slack is the room beside the file system on a disk that is as small as can
// be, in bytes.
const slack = 4 << 20

// biosDisk returns a disk that a BIOS boots: one active partition with a FAT
// file system, from which SYSLINUX boots kernel and initrd. Without a size that
// was asked for it has usual bytes, or as many as it needs in whole units.
func (b *build) biosDisk(ctx context.Context, format string, usual, unit int64, more ...named) (*disk.Image, error) {
	p, err := b.initrdPayload(ctx)
	if err != nil {
		return nil, err
	}
	files := append([]named{
		{"syslinux.cfg", p.syslinuxConfig("/kernel", "/initrd.img")}, {"kernel", p.kernel}, {"initrd.img", p.initrd},
	}, more...)
	fs, err := b.syslinuxFS(ctx, format, fatFiles(files))
	if err != nil {
		return nil, err
	}
	return b.mbrDisk(ctx, format, fs, b.diskSize(usual, unit, fs.Size+slack))
}

// diskSize returns the size of a disk, given how much it needs.
func (b *build) diskSize(usual, unit, needed int64) int64 {
	if b.opts.DiskSize > 0 {
		return b.opts.DiskSize
	}
	return disk.Up(max(usual, needed), unit)
}

func (b *build) syslinuxFS(ctx context.Context, format string, files []fat.File) (*fat.FS, error) {
	program, err := b.loader(bootloader.Syslinux)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if _, err := data.ReadFrom(program.reader()); err != nil {
		return nil, err
	}
	l, err := syslinux.Extract(data.Bytes())
	if err != nil {
		return nil, err
	}
	opts, err := b.partitionOptions(ctx, format, append(l.Files(), files...), fat.Auto)
	if err != nil {
		return nil, err
	}
	return l.Install(files, opts)
}

func (b *build) mbrDisk(ctx context.Context, format string, fs *fat.FS, size int64) (*disk.Image, error) {
	code, err := b.loader(bootloader.MBR)
	if err != nil {
		return nil, err
	}
	content, err := fs.Image()
	if err != nil {
		return nil, err
	}
	seed, err := b.seed(ctx, format)
	if err != nil {
		return nil, err
	}
	record := make([]byte, min(code.size, mbr.CodeSize))
	if _, err := code.data.ReadAt(record, 0); err != nil {
		return nil, err
	}
	kind := byte(mbr.TypeFAT32)
	if fs.Type == fat.FAT16 {
		kind = mbr.TypeFAT16
	}
	id := sha256.Sum256(append([]byte("disk "), seed...))
	im, err := mbr.Disk{
		ID: binary.LittleEndian.Uint32(id[:]), Code: record, Size: size,
		Partitions: []mbr.Partition{{Type: kind, Active: true, Content: content}},
	}.Image()
	return im, adviseSize(err, fs.Size)
}

// adviseSize adds to an error which size of a disk would do for a file system.
func adviseSize(err error, size int64) error {
	if errors.Is(err, disk.ErrTooSmall) {
		return fmt.Errorf("%w; give --size %dM or more", err, disk.Up(size+slack, mib)/mib)
	}
	return err
}
