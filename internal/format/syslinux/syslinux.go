// Package syslinux makes FAT file systems bootable by the BIOS with the
// SYSLINUX boot loader, as its installer does but without running it: it finds
// the loader in the installer's program, in which distributions ship it, and
// patches it for its place on the disk.
//
// It refuses loaders older than version 5, which have another patch area. The
// boot code for the boot record of the disk (mbr.bin, gptmbr.bin) is a file of
// its own and the caller's.
package syslinux

import (
	"bytes"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fat"
)

// Names of the loader's files in the root of the file system.
const (
	SysName  = "ldlinux.sys"
	CoreName = "ldlinux.c32"
)

// Loader is the boot loader as the installer has it.
type Loader struct {
	boot []byte // boot sector
	sys  []byte // ldlinux.sys
	core []byte // ldlinux.c32
}

// Size returns the size of ldlinux.sys on the disk in bytes: with the two
// sectors for data kept across boots.
func (l *Loader) Size() int64 {
	return disk.Up(int64(len(l.sys)), disk.Sector) + 2*disk.Sector
}

// Files returns the files that Install adds, for computing sizes.
func (l *Loader) Files() []fat.File {
	return []fat.File{
		{Path: SysName, Size: l.Size(), Data: bytes.NewReader(make([]byte, l.Size())), Attr: fat.ReadOnly | fat.Hidden | fat.System},
		{Path: CoreName, Size: int64(len(l.core)), Data: bytes.NewReader(l.core), Attr: fat.ReadOnly | fat.Hidden | fat.System},
	}
}

// Install lays out a bootable file system with files and those of the loader,
// which are ahead of them, in the file system's Offsets too. The loader reads
// syslinux.cfg. The partition must be the active one of the disk.
func (l *Loader) Install(files []fat.File, opts fat.Options) (*fat.FS, error) {
	fs, err := fat.New(append(l.Files(), files...), opts)
	if err != nil {
		return nil, err
	}
	boot, sys, err := l.Place(fs.Offsets[0] / disk.Sector)
	if err != nil {
		return nil, fmt.Errorf("install boot loader: %w", err)
	}
	fs.SetData(0, bytes.NewReader(sys))
	return fs, fs.SetBoot(boot)
}
