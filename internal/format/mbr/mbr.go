// Package mbr makes disks with a master boot record: boot code and up to four
// primary partitions, with sectors of 512 bytes. It owns the partition table
// and refuses extended partitions; what is in a partition is the caller's.
package mbr

import (
	"encoding/binary"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// Types of partitions.
const (
	TypeFAT16      = 0x0e // with LBA
	TypeFAT32      = 0x0c // with LBA
	TypeLinux      = 0x83
	TypeProtective = 0xee // covers a GUID partition table
	TypeESP        = 0xef
)

// CodeSize is the room for boot code in bytes.
const CodeSize = 440

// Entry is a partition as the boot record has it.
type Entry struct {
	Type   byte
	Active bool  // the one that boot code starts
	Start  int64 // sectors
	Size   int64 // sectors; more than fit are written as 2^32-1
}

// Partition is a partition of a Disk.
type Partition struct {
	Type    byte
	Active  bool        // the one that boot code starts; at most one
	Start   int64       // bytes; 0 is behind the one before, on a boundary of 1 MiB
	Size    int64       // bytes; 0 is the size of Content
	Content *disk.Image // nil is an empty partition
}

// Disk describes a whole disk.
type Disk struct {
	ID         uint32 // the disk's signature
	Code       []byte // boot code, at most 440 bytes; nil boots nothing
	Size       int64  // bytes; 0 is as large as needed, in whole MiB
	Partitions []Partition
}

// Image returns the disk. If it is smaller than its partitions need, the error
// says how large it has to be and wraps disk.ErrTooSmall.
func (d Disk) Image() (*disk.Image, error) {
	entries, extents, end, err := d.place()
	if err != nil {
		return nil, fmt.Errorf("make boot record: %w", err)
	}
	size := d.Size
	if size == 0 {
		size = disk.Up(end, disk.Align)
	}
	if size < end {
		return nil, fmt.Errorf("make boot record: disk of %d bytes has to have %d: %w", size, end, disk.ErrTooSmall)
	}
	record, err := Record(d.Code, d.ID, entries)
	if err != nil {
		return nil, err
	}
	return disk.New(size, append(extents, disk.Bytes(0, record))...)
}

// place lays the partitions out and returns their entries, data and the end of the last.
func (d Disk) place() (entries []Entry, extents []disk.Extent, end int64, err error) {
	spaces := make([]disk.Space, len(d.Partitions))
	for i, p := range d.Partitions {
		if spaces[i], err = p.space(); err != nil {
			return nil, nil, 0, fmt.Errorf("partition %d: %w", i+1, err)
		}
	}
	starts, end, err := disk.Layout(spaces)
	if err != nil {
		return nil, nil, 0, err
	}
	for i, p := range d.Partitions {
		entries = append(entries, Entry{Type: p.Type, Active: p.Active, Start: starts[i] / disk.Sector, Size: spaces[i].Size / disk.Sector})
		if (starts[i]+spaces[i].Size)/disk.Sector > 1<<32 {
			return nil, nil, 0, fmt.Errorf("partition %d ends behind 2 TiB, which a boot record cannot express: use a GUID partition table", i+1)
		}
		if p.Content != nil {
			extents = append(extents, p.Content.Shift(starts[i])...)
		}
	}
	return entries, extents, end, nil
}

// space returns what the partition asks for.
func (p Partition) space() (disk.Space, error) {
	size := p.Size
	if p.Content != nil {
		if size == 0 {
			size = disk.Up(p.Content.Size, disk.Sector)
		}
		if size < p.Content.Size {
			return disk.Space{}, fmt.Errorf("%d bytes for a content of %d: %w", size, p.Content.Size, disk.ErrTooSmall)
		}
	}
	return disk.Space{Start: p.Start, Size: size}, nil
}

// Record returns the 512 bytes of a boot record.
func Record(code []byte, id uint32, entries []Entry) ([]byte, error) {
	if len(code) > CodeSize {
		return nil, fmt.Errorf("make boot record: boot code has %d bytes, more than %d", len(code), CodeSize)
	}
	if len(entries) > 4 {
		return nil, fmt.Errorf("make boot record: %d partitions, more than 4: use a GUID partition table", len(entries))
	}
	b := make([]byte, disk.Sector)
	copy(b, code)
	binary.LittleEndian.PutUint32(b[440:], id)
	active := 0
	for i, e := range entries {
		if e.Active {
			active++
		}
		if e.Start < 0 || e.Start >= 1<<32 || e.Size <= 0 {
			return nil, fmt.Errorf("make boot record: partition %d cannot have %d sectors at %d", i+1, e.Size, e.Start)
		}
		e.put(b[446+16*i:])
	}
	if active > 1 {
		return nil, fmt.Errorf("make boot record: %d active partitions, more than one", active)
	}
	b[510], b[511] = 0x55, 0xaa
	return b, nil
}

// put writes the 16 bytes of the entry.
func (e Entry) put(b []byte) {
	if e.Active {
		b[0] = 0x80
	}
	b[4] = e.Type
	putCHS(b[1:], e.Start)
	putCHS(b[5:], e.Start+e.Size-1)
	binary.LittleEndian.PutUint32(b[8:], uint32(e.Start))
	binary.LittleEndian.PutUint32(b[12:], uint32(min(e.Size, 1<<32-1)))
}

// putCHS writes a sector as cylinder, head and sector of a disk with 255 heads
// and 63 sectors; what is beyond 1024 cylinders is written as all ones, as UEFI has it.
func putCHS(b []byte, sector int64) {
	const heads, sectors = 255, 63
	cylinder := sector / (heads * sectors)
	if cylinder > 1023 {
		b[0], b[1], b[2] = 0xff, 0xff, 0xff
		return
	}
	b[0] = byte(sector / sectors % heads)
	b[1] = byte(sector%sectors+1) | byte(cylinder>>8<<6)
	b[2] = byte(cylinder)
}
