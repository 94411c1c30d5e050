package fat

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

const (
	slotSize     = 32
	unitsPerSlot = 13 // of a long name
	attrLabel    = 0x08
	attrDir      = 0x10
	attrArchive  = 0x20
	attrLong     = 0x0f
)

// longEntries returns how many entries a long name takes.
func longEntries(long []uint16) int { return (len(long) + unitsPerSlot - 1) / unitsPerSlot }

// directories returns the content of all directories.
func (fs *FS) directories() []disk.Extent {
	var extents []disk.Extent
	fs.root.walk(func(n *node) {
		at := fs.geometry.start() - fs.geometry.root*disk.Sector
		if n.cluster != 0 {
			at = fs.geometry.at(n.cluster)
		}
		extents = append(extents, disk.Bytes(at, fs.directory(n)))
	})
	return extents
}

// directory returns the entries of a directory.
func (fs *FS) directory(n *node) []byte {
	var b []byte
	if n.parent != nil {
		b = fs.slot(b, pack(".", ""), attrDir, n.cluster, 0)
		up := n.parent.cluster
		if n.parent.parent == nil {
			up = 0 // the root has no number, even where it has one
		}
		b = fs.slot(b, pack("..", ""), attrDir, up, 0)
	} else if fs.opts.Label != "" {
		b = fs.slot(b, [11]byte([]byte(fmt.Sprintf("%-11s", fs.opts.Label))), attrLabel, 0, 0)
	}
	for _, c := range n.children {
		b = longSlots(b, c)
		attr := c.attr | attrArchive
		if c.dir {
			attr = c.attr | attrDir
		}
		b = fs.slot(b, c.short, attr, c.cluster, c.size)
	}
	return b
}

// slot appends an entry with a short name.
func (fs *FS) slot(b []byte, name [11]byte, attr byte, cluster, size int64) []byte {
	le := binary.LittleEndian
	var s [slotSize]byte
	copy(s[:], name[:])
	s[11] = attr
	date, clock := fs.opts.stamp()
	for _, at := range []int{14, 22} { // made, written
		le.PutUint16(s[at:], clock)
		le.PutUint16(s[at+2:], date)
	}
	le.PutUint16(s[18:], date) // read
	le.PutUint16(s[20:], uint16(cluster>>16))
	le.PutUint16(s[26:], uint16(cluster))
	le.PutUint32(s[28:], uint32(size))
	return append(b, s[:]...)
}

// longSlots appends the entries of a long name, last part first.
func longSlots(b []byte, n *node) []byte {
	sum := checksum(n.short)
	count := longEntries(n.long)
	for i := count; i > 0; i-- {
		var s [slotSize]byte
		s[0] = byte(i)
		if i == count {
			s[0] |= 0x40
		}
		s[11], s[13] = attrLong, sum
		putUnits(&s, n.long[(i-1)*unitsPerSlot:])
		b = append(b, s[:]...)
	}
	return b
}

// putUnits writes up to 13 units to their places; one zero ends a name, ones fill the rest.
func putUnits(s *[slotSize]byte, units []uint16) {
	places := [unitsPerSlot]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}
	for i, at := range places {
		unit := uint16(0xffff)
		if i < len(units) {
			unit = units[i]
		} else if i == len(units) {
			unit = 0
		}
		binary.LittleEndian.PutUint16(s[at:], unit)
	}
}

// checksum ties a long name to its short one.
func checksum(short [11]byte) byte {
	var sum byte
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

// stamp returns the time of all files.
func (o Options) stamp() (date, clock uint16) {
	t := o.Time.UTC()
	first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	if t.Before(first) {
		t = first
	} else if t.After(last) {
		t = last
	}
	date = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	return date, uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
}
