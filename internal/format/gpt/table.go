package gpt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// nameUnits is the room for a name in UTF-16 units.
const nameUnits = 36

// tables returns both headers and both arrays of entries.
func (d Disk) tables(placed []Partition, size int64) []disk.Extent {
	list := make([]byte, entries*entrySize)
	for i, p := range placed {
		p.put(list[i*entrySize:])
	}
	last := size/disk.Sector - 1
	id := d.ID
	if id == (GUID{}) {
		id = DeriveGUID(d.Seed, "disk")
	}
	h := header{id: id, last: last, crc: crc32.ChecksumIEEE(list)}
	return []disk.Extent{
		disk.Bytes(disk.Sector, h.encode(1, last, 2)),
		disk.Bytes(2*disk.Sector, list),
		disk.Bytes((last-tableSectors)*disk.Sector, list),
		disk.Bytes(last*disk.Sector, h.encode(last, 1, last-tableSectors)),
	}
}

// put writes the 128 bytes of the entry.
func (p Partition) put(b []byte) {
	le := binary.LittleEndian
	p.Type.put(b)
	p.ID.put(b[16:])
	le.PutUint64(b[32:], uint64(p.Start/disk.Sector))
	le.PutUint64(b[40:], uint64((p.Start+p.Size)/disk.Sector-1))
	le.PutUint64(b[48:], p.Attributes)
	name, _ := encodeName(p.Name) // checked before
	for i, unit := range name {
		le.PutUint16(b[56+2*i:], unit)
	}
}

// encodeName returns a partition's name in UTF-16.
func encodeName(name string) ([]uint16, error) {
	units := utf16.Encode([]rune(name))
	if len(units) > nameUnits || !utf8.ValidString(name) {
		return nil, fmt.Errorf("name %q: must be UTF-8 of at most %d UTF-16 units", name, nameUnits)
	}
	return units, nil
}

// header is what both headers have in common.
type header struct {
	id   GUID
	last int64 // sector
	crc  uint32
}

// encode returns the header for sector own, when the other is at sector other.
func (h header) encode(own, other, list int64) []byte {
	const size = 92
	le := binary.LittleEndian
	b := make([]byte, disk.Sector)
	copy(b, "EFI PART")
	le.PutUint32(b[8:], 0x10000) // revision 1.0
	le.PutUint32(b[12:], size)
	le.PutUint64(b[24:], uint64(own))
	le.PutUint64(b[32:], uint64(other))
	le.PutUint64(b[40:], firstUsable)
	le.PutUint64(b[48:], uint64(h.last-behind))
	h.id.put(b[56:])
	le.PutUint64(b[72:], uint64(list))
	le.PutUint32(b[80:], entries)
	le.PutUint32(b[84:], entrySize)
	le.PutUint32(b[88:], h.crc)
	le.PutUint32(b[16:], crc32.ChecksumIEEE(b[:size]))
	return b
}
