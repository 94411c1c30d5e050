package iso9660

import (
	"encoding/binary"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// put32 writes a number in both byte orders.
func put32(b []byte, n uint32) {
	le.PutUint32(b, n)
	be.PutUint32(b[4:], n)
}

func put16(b []byte, n uint16) {
	le.PutUint16(b, n)
	be.PutUint16(b[2:], n)
}

// Flags of directory records.
const (
	flagDir  = 0x02
	flagMore = 0x80 // another record of the same file follows
)

// maxExtent is the size of the largest piece of a file in one record.
const maxExtent = 1<<32 - Sector

// extent is a piece of content.
type extent struct {
	sector uint32
	size   uint32
	flags  byte
}

// record is an entry of a directory, without its padding at the end of a sector.
func record(x extent, t time.Time, id, susp []byte) []byte {
	n := 33 + len(id)
	n += n % 2
	b := make([]byte, n, n+len(susp)+1)
	put32(b[2:], x.sector)
	put32(b[10:], x.size)
	putTime(b[18:], t)
	b[25] = x.flags
	put16(b[28:], 1)
	b[32] = byte(len(id))
	copy(b[33:], id)
	b = append(b, susp...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	b[0] = byte(len(b))
	return b
}

// putTime writes the seven bytes of a time from 1900 to 2155.
func putTime(b []byte, t time.Time) {
	t = t.UTC()
	if t.Year() < 1900 {
		t = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	} else if t.Year() > 2155 {
		t = time.Date(2155, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	for i, n := range []int{t.Year() - 1900, int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), 0} {
		b[i] = byte(n)
	}
}

// extents are the pieces of a file, at least one.
func extents(i *inode) []extent {
	if i.Mode&fsimage.TypeMask != fsimage.TypeRegular || i.Size == 0 {
		return []extent{{}}
	}
	var list []extent
	sector, left := i.Data.sector, i.Size
	for ; left > maxExtent; left -= maxExtent {
		list = append(list, extent{sector, maxExtent, flagMore})
		sector += maxExtent / Sector
	}
	return append(list, extent{sector: sector, size: uint32(left)})
}
