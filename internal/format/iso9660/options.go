package iso9660

import (
	"fmt"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Entry is one name of an image. Extended attributes are left out, as the
// format cannot have them.
type Entry = fsimage.Entry

// Errors that those of this package wrap.
var (
	ErrUnsupported = fsimage.ErrUnsupported
	ErrOrder       = fsimage.ErrOrder
	ErrSize        = fsimage.ErrSize
)

// Sector is the size of a block of the format in bytes.
const Sector = 2048

// Platform is the kind of firmware that a boot entry is for.
type Platform byte

// The platforms.
const (
	BIOS Platform = 0
	UEFI Platform = 0xef
)

// Boot is an entry of the boot catalogue.
type Boot struct {
	Platform Platform
	// Path names the file to boot among the entries: the loader for a BIOS,
	// which is run without emulating a floppy disk, or the image of a FAT
	// file system for UEFI.
	Path string
	// Sectors is how many sectors of 512 bytes a BIOS loads; 0 is 4.
	Sectors uint16
	// InfoTable writes at offset 8 of the file where it is, as isolinux wants.
	InfoTable bool
}

// Hybrid makes the image a disk as well.
type Hybrid struct {
	// Code is boot code for the boot record: isohdpfx.bin, which starts the
	// first BIOS entry of the catalogue. Without it a BIOS does not boot.
	Code []byte
	// Seed is what the identifiers of the disk are derived from.
	Seed []byte
}

// Options say how to make an image; the zero value is good.
type Options struct {
	// Label is the name of the volume, at most 32 characters of which others
	// than A to Z, 0 to 9 and _ are not strictly allowed.
	Label string
	// Publisher and Application are at most 128 characters.
	Publisher, Application string
	// Time is that of the volume, and of entries that have none. The zero
	// value is 1970.
	Time time.Time
	// NoJoliet leaves out the names for Windows.
	NoJoliet bool
	// Boot makes the image bootable.
	Boot []Boot
	// Hybrid, if it is set, adds partition tables; the first UEFI entry
	// becomes the EFI system partition.
	Hybrid *Hybrid
}

const maxBoot = 30

func (o *Options) complete() error {
	if o.Time.IsZero() {
		o.Time = time.Unix(0, 0)
	}
	o.Time = o.Time.UTC()
	for _, f := range []struct {
		what, text string
		limit      int
	}{{"label", o.Label, 32}, {"publisher", o.Publisher, 128}, {"application", o.Application, 128}} {
		if len(f.text) > f.limit || strings.IndexFunc(f.text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			return fmt.Errorf("%w: %s %.200q is not of at most %d ASCII characters", ErrUnsupported, f.what, f.text, f.limit)
		}
	}
	if len(o.Boot) > maxBoot {
		return fmt.Errorf("%w: %d boot entries, at most %d are", ErrUnsupported, len(o.Boot), maxBoot)
	}
	for i := range o.Boot {
		if o.Boot[i].Sectors == 0 {
			o.Boot[i].Sectors = 4
		}
	}
	return nil
}
