package syslinux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

var le = binary.LittleEndian

const (
	magic      = 0x3eb202fe // begins the patch area
	extentSize = 10         // 64-bit sector, 16-bit count
	areaSize   = 24
	tableSize  = 20
)

// area has the offsets that the patch area of ldlinux.sys tells.
type area struct {
	at        int // of the patch area
	advances  int // of the pointers to the sectors for kept data
	extents   int // of the sector map
	count     int // of extents there is room for
	low, high int // in the boot sector: halves of the first sector's number
}

// parse finds the patch area and checks that everything it tells lies inside.
func parse(sys []byte) (area, error) {
	var a area
	a.at = bytes.Index(sys, le.AppendUint32(nil, magic))
	if a.at < 0 || a.at%4 != 0 || len(sys) < a.at+areaSize || len(sys) >= 1<<19 {
		return a, errors.New("has no patch area")
	}
	table := int(le.Uint16(sys[a.at+22:]))
	if table+tableSize > len(sys) {
		return a, errors.New("has its patch table outside")
	}
	word := func(i int) int { return int(le.Uint16(sys[table+2*i:])) }
	a.advances, a.extents, a.count, a.low, a.high = word(0), word(5), word(6), word(7), word(8)
	if a.advances+16 > len(sys) || a.extents+a.count*extentSize > len(sys) || max(a.low, a.high)+4 > disk.Sector {
		return a, errors.New("has a patch table that points outside")
	}
	return a, nil
}

// Place returns the boot sector (with no parameters of a file system) and the
// whole file ldlinux.sys, for a partition on which that file begins at a
// sector and is in one piece.
func (l *Loader) Place(sector int64) (boot, sys []byte, err error) {
	a, err := parse(l.sys)
	if err != nil {
		return nil, nil, fmt.Errorf("loader %w", err)
	}
	boot = bytes.Clone(l.boot)
	le.PutUint32(boot[a.low:], uint32(sector))
	le.PutUint32(boot[a.high:], uint32(sector>>32))
	sys = make([]byte, l.Size())
	copy(sys, l.sys)
	if err := a.patch(sys, len(l.sys), sector); err != nil {
		return nil, nil, err
	}
	keep(sys[len(sys)-2*disk.Sector:])
	return boot, sys, nil
}

// patch fills the patch area of a file that begins at a sector.
func (a area) patch(sys []byte, length int, sector int64) error {
	data := len(sys)/disk.Sector - 2
	le.PutUint16(sys[a.at+8:], uint16(data))
	le.PutUint16(sys[a.at+10:], 2) // sectors for kept data
	le.PutUint32(sys[a.at+12:], uint32(length/4))
	if err := a.sectorMap(sys, sector+1, data-1); err != nil {
		return err
	}
	le.PutUint64(sys[a.advances:], uint64(sector)+uint64(data))
	le.PutUint64(sys[a.advances+8:], uint64(sector)+uint64(data)+1)
	le.PutUint32(sys[a.at+16:], 0)
	sum := uint32(magic)
	for i := 0; i+4 <= length; i += 4 {
		sum -= le.Uint32(sys[i:])
	}
	le.PutUint32(sys[a.at+16:], sum)
	return nil
}

// sectorMap tells the loader where the sectors behind its first one are, in pieces shorter than 64 KiB.
func (a area) sectorMap(sys []byte, sector int64, count int) error {
	const most = 65535 / disk.Sector
	clear(sys[a.extents : a.extents+a.count*extentSize])
	for i := 0; count > 0; i++ {
		if i == a.count {
			return errors.New("loader has no room for its sector map")
		}
		n := min(count, most)
		le.PutUint64(sys[a.extents+i*extentSize:], uint64(sector))
		le.PutUint16(sys[a.extents+i*extentSize+8:], uint16(n))
		sector, count = sector+int64(n), count-n
	}
	return nil
}

// keep makes two equal, empty sectors for kept data.
func keep(b []byte) {
	for _, s := range [][]byte{b[:disk.Sector], b[disk.Sector:]} {
		clear(s)
		le.PutUint32(s, 0x5a2d2fa5)
		le.PutUint32(s[4:], 0xa3041767)
		le.PutUint32(s[disk.Sector-4:], 0xdd28bf64)
	}
}
