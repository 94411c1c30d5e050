package iso9660

import (
	"fmt"
	"math"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/gpt"
	"github.com/linuxkit/linuxkit/internal/format/mbr"
)

// maxInfoTable is the size of the largest file that gets an information table.
const maxInfoTable = 4 << 20

// booted is a boot entry and its file.
type booted struct {
	Boot
	file *inode
}

// findBoot looks up the files to boot.
func (b *Builder) findBoot() ([]booted, error) {
	var list []booted
	for _, o := range b.opts.Boot {
		i := b.files[o.Path]
		if i == nil || i.Size == 0 {
			return nil, fmt.Errorf("%w: the file to boot, %q, is missing or empty", ErrOrder, o.Path)
		}
		if o.InfoTable && (i.Size < 64 || i.Size > maxInfoTable || i.Data.of != nil) {
			return nil, fmt.Errorf("%w: %q of %d bytes cannot have an information table", ErrUnsupported, o.Path, i.Size)
		}
		list = append(list, booted{o, i})
	}
	return list, nil
}

// bootRecord is the volume descriptor that leads to the catalogue.
func bootRecord(catalogue int64) []byte {
	b := make([]byte, Sector)
	copy(b, "\x00CD001\x01EL TORITO SPECIFICATION")
	le.PutUint32(b[71:], uint32(catalogue))
	return b
}

// catalogue lists the boot entries as El Torito 1.0 has it: the first one is
// the default, each other one is in a section of its own.
func catalogue(list []booted) []byte {
	b := make([]byte, 32, Sector)
	b[0], b[1], b[30], b[31] = 1, byte(list[0].Platform), 0x55, 0xaa
	sum := uint16(0)
	for i := 0; i < 32; i += 2 {
		sum += le.Uint16(b[i:])
	}
	le.PutUint16(b[28:], -sum)
	for i, e := range list {
		if i > 0 {
			section := make([]byte, 32)
			section[0], section[1], section[2] = 0x90, byte(e.Platform), 1
			if i == len(list)-1 {
				section[0] = 0x91
			}
			b = append(b, section...)
		}
		b = append(b, e.encode()...)
	}
	return whole(b)
}

func (e *booted) encode() []byte {
	b := make([]byte, 32)
	b[0] = 0x88
	count := e.Sectors
	if e.Platform == UEFI {
		// Where the number of sectors does not fit, UEFI takes 1 for all that follows.
		count = 1
		if n := up(e.file.Size, disk.Sector) / disk.Sector; n <= math.MaxUint16 {
			count = uint16(n)
		}
	}
	le.PutUint16(b[6:], count)
	le.PutUint32(b[8:], e.file.Data.sector)
	return b
}

// needsTable tells whether a file gets an information table.
func (im *Image) needsTable(i *inode) bool {
	for _, e := range im.boot {
		if e.file == i && e.InfoTable {
			return true
		}
	}
	return false
}

// putTable writes the information table into the content of a loader.
func putTable(content []byte, sector uint32) {
	sum := uint32(0)
	for at := 64; at < len(content); at += 4 {
		word := make([]byte, 4)
		copy(word, content[at:])
		sum += le.Uint32(word)
	}
	clear(content[8:64])
	for i, n := range []uint32{firstDescriptor, sector, uint32(len(content)), sum} {
		le.PutUint32(content[8+4*i:], n)
	}
}

// systemArea is what is ahead of the descriptors, and backup what is at the
// very end. Both are empty if the image is no disk.
func (im *Image) tables() (systemArea, backup []byte, err error) {
	systemArea = make([]byte, firstDescriptor*Sector)
	h := im.opts.Hybrid
	if h == nil {
		return systemArea, nil, nil
	}
	code := make([]byte, mbr.CodeSize)
	if len(h.Code) > mbr.CodeSize {
		return nil, nil, fmt.Errorf("%w: boot code of %d bytes", ErrUnsupported, len(h.Code))
	}
	copy(code, h.Code)
	if bios := im.first(BIOS); bios != nil && len(h.Code) > 0 {
		// isohdpfx.bin finds here, in sectors of 512 bytes, what to load.
		le.PutUint64(code[432:], uint64(bios.Data.sector)*(Sector/disk.Sector))
	}
	id := gpt.DeriveGUID(h.Seed, "boot record")
	esp := im.first(UEFI)
	if esp == nil {
		entry := mbr.Entry{Type: typeHidden, Active: true, Size: im.size / disk.Sector}
		record, err := mbr.Record(code, le.Uint32(id[:]), []mbr.Entry{entry})
		copy(systemArea, record)
		return systemArea, nil, err
	}
	backup, err = im.partition(systemArea, esp)
	if err != nil {
		return nil, nil, err
	}
	// Some BIOSes start nothing that has no active partition.
	list := []mbr.Entry{{Type: mbr.TypeProtective, Start: 1, Size: im.size/disk.Sector - 1}, {Active: true, Size: 1}}
	record, err := mbr.Record(code, le.Uint32(id[:]), list[:1+min(1, len(h.Code))])
	copy(systemArea, record)
	return systemArea, backup, err
}

// typeHidden is the type that tools for such images give to the partition that
// is the image itself.
const typeHidden = 0x17

// partition writes the GUID partition table and returns its copy.
func (im *Image) partition(systemArea []byte, esp *inode) (backup []byte, err error) {
	table, err := gpt.Disk{Seed: im.opts.Hybrid.Seed, Size: im.size, Partitions: []gpt.Partition{{
		Type: gpt.TypeESP, Name: "EFI system partition", Start: int64(esp.Data.sector) * Sector, Size: up(esp.Size, disk.Sector),
	}}}.Image()
	if err != nil {
		return nil, err
	}
	backup = make([]byte, backupSize)
	if _, err := table.ReadAt(systemArea, 0); err != nil {
		return nil, err
	}
	_, err = table.ReadAt(backup, im.size-backupSize)
	return backup, err
}

// first returns the file that a kind of firmware boots.
func (im *Image) first(p Platform) *inode {
	for _, e := range im.boot {
		if e.Platform == p {
			return e.file
		}
	}
	return nil
}
