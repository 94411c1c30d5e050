// Package gpt makes disks with a GUID partition table as chapter 5 of the UEFI
// specification 2.10 defines it: 128 entries, sectors of 512 bytes, a
// protective or hybrid boot record, and the second table at the end.
// It owns the tables; what is in a partition is the caller's.
package gpt

import (
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/mbr"
)

// Attributes of partitions.
const (
	Required   = 1 << 0 // the platform needs it
	NoBlockIO  = 1 << 1 // firmware does not look at it
	LegacyBoot = 1 << 2 // boot code in the boot record starts it
	ReadOnly   = 1 << 60
	NoAuto     = 1 << 63 // not mounted automatically
)

const (
	entries      = 128
	entrySize    = 128
	tableSectors = entries * entrySize / disk.Sector
	firstUsable  = 2 + tableSectors // boot record, header, entries
	behind       = 1 + tableSectors // entries and header at the end
)

// Partition is a partition of a Disk.
type Partition struct {
	Type       GUID
	ID         GUID   // zero derives one from the disk's seed, the number and the name
	Name       string // at most 36 UTF-16 units
	Attributes uint64
	Start      int64       // bytes; 0 is behind the one before, on a boundary of 1 MiB
	Size       int64       // bytes; 0 is the size of Content
	Content    *disk.Image // nil is an empty partition
	// Hybrid puts the partition into the boot record as well, with this type, for
	// systems that know nothing else; 0 does not. At most three.
	Hybrid       byte
	HybridActive bool
}

// Disk describes a whole disk.
type Disk struct {
	Seed       []byte // identifiers are derived from it
	ID         GUID   // zero derives one from the seed
	Code       []byte // boot code for the boot record, at most 440 bytes
	Size       int64  // bytes; 0 is as large as needed, in whole MiB
	Partitions []Partition
}

// Image returns the disk. If it is smaller than its partitions need, the error
// says how large it has to be and wraps disk.ErrTooSmall.
func (d Disk) Image() (*disk.Image, error) {
	im, err := d.image()
	if err != nil {
		return nil, fmt.Errorf("make partition table: %w", err)
	}
	return im, nil
}

func (d Disk) image() (*disk.Image, error) {
	placed, end, err := d.place()
	if err != nil {
		return nil, err
	}
	size := d.Size
	if size == 0 {
		size = disk.Up(end+behind*disk.Sector, disk.Align)
	}
	if need := end + behind*disk.Sector; size < need {
		return nil, fmt.Errorf("disk of %d bytes has to have %d: %w", size, need, disk.ErrTooSmall)
	}
	if size%disk.Sector != 0 {
		return nil, fmt.Errorf("size of %d bytes: must be whole sectors of %d bytes", size, disk.Sector)
	}
	record, err := d.record(placed, size)
	if err != nil {
		return nil, err
	}
	extents := append(d.tables(placed, size), disk.Bytes(0, record))
	for _, p := range placed {
		if p.Content != nil {
			extents = append(extents, p.Content.Shift(p.Start)...)
		}
	}
	return disk.New(size, extents...)
}

// place returns the partitions with all fields set, and the end of the last.
func (d Disk) place() ([]Partition, int64, error) {
	if len(d.Partitions) > entries {
		return nil, 0, fmt.Errorf("%d partitions, more than %d", len(d.Partitions), entries)
	}
	placed := make([]Partition, len(d.Partitions))
	spaces := make([]disk.Space, len(d.Partitions))
	for i, p := range d.Partitions {
		p, err := p.complete(d.Seed, i+1)
		if err != nil {
			return nil, 0, fmt.Errorf("partition %d: %w", i+1, err)
		}
		placed[i], spaces[i] = p, disk.Space{Start: p.Start, Size: p.Size}
	}
	starts, end, err := disk.Layout(spaces)
	for i := range starts {
		placed[i].Start = starts[i]
		if starts[i] < firstUsable*disk.Sector {
			return nil, 0, fmt.Errorf("partition %d begins at %d, in the table: put it at %d or behind", i+1, starts[i], disk.Align)
		}
	}
	return placed, max(end, firstUsable*disk.Sector), err
}

// complete sets the size and identifier of a partition and checks it.
func (p Partition) complete(seed []byte, number int) (Partition, error) {
	if p.Content != nil && p.Size == 0 {
		p.Size = disk.Up(p.Content.Size, disk.Sector)
	}
	if p.Content != nil && p.Size < p.Content.Size {
		return p, fmt.Errorf("%d bytes for a content of %d: %w", p.Size, p.Content.Size, disk.ErrTooSmall)
	}
	if p.Type == (GUID{}) {
		return p, fmt.Errorf("has no type")
	}
	if p.ID == (GUID{}) {
		p.ID = DeriveGUID(seed, fmt.Sprintf("partition %d %s", number, p.Name))
	}
	_, err := encodeName(p.Name)
	return p, err
}

// record returns the boot record: one protective entry, or, if some partition
// is hybrid, those partitions behind a protective entry for the table itself.
func (d Disk) record(placed []Partition, size int64) ([]byte, error) {
	var list []mbr.Entry
	for i, p := range placed {
		if p.Hybrid == 0 {
			continue
		}
		if (p.Start+p.Size)/disk.Sector > 1<<32 {
			return nil, fmt.Errorf("partition %d ends behind 2 TiB, which a hybrid boot record cannot express", i+1)
		}
		list = append(list, mbr.Entry{Type: p.Hybrid, Active: p.HybridActive, Start: p.Start / disk.Sector, Size: p.Size / disk.Sector})
	}
	if len(list) > 3 {
		return nil, fmt.Errorf("%d hybrid partitions: the boot record has room for 3", len(list))
	}
	cover := size/disk.Sector - 1
	for _, e := range list {
		cover = min(cover, e.Start-1)
	}
	list = append([]mbr.Entry{{Type: mbr.TypeProtective, Start: 1, Size: cover}}, list...)
	return mbr.Record(d.Code, 0, list)
}
