package vhd

import (
	"encoding/binary"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// layout says where the parts of a dynamic disk are.
type layout struct {
	entries int64 // blocks of the disk
	used    disk.Runs
}

// tableSize returns the bytes of the table of blocks.
func (l layout) tableSize() int64 { return disk.Up(l.entries*4, disk.Sector) }

// at returns where a block that has so many others ahead of it begins, with its bitmap.
func (l layout) at(before int64) int64 {
	return footerSize + headerSize + l.tableSize() + before*(bitmap+block)
}

// end returns where the footer is.
func (l layout) end() int64 { return l.at(l.used.Total()) }

// header returns the header behind the first copy of the footer.
func (l layout) header() []byte {
	be := binary.BigEndian
	b := make([]byte, headerSize)
	copy(b, "cxsparse")
	be.PutUint64(b[8:], none)
	be.PutUint64(b[16:], footerSize+headerSize)
	be.PutUint32(b[24:], 0x10000)
	be.PutUint32(b[28:], uint32(l.entries))
	be.PutUint32(b[32:], block)
	be.PutUint32(b[36:], checksum(b))
	return b
}

// putEntry writes in which sector a block begins.
func (l layout) putEntry(b []byte, i int64) {
	sector := uint32(1<<32 - 1)
	if before, ok := l.used.Index(i); ok {
		sector = uint32(l.at(before) / disk.Sector)
	}
	binary.BigEndian.PutUint32(b, sector)
}

// blocks returns the bitmaps and the data of all blocks there are.
func (l layout) blocks(im *disk.Image) []disk.Extent {
	ones := disk.Records{Width: 1, Put: func(b []byte, _ int64) { b[0] = 0xff }}
	var extents []disk.Extent
	for i := range l.used.Total() {
		extents = append(extents, disk.Extent{Offset: l.at(i), Length: bitmap, Data: ones})
	}
	for _, e := range im.Extents {
		extents = append(extents, l.split(e)...)
	}
	return extents
}

// split cuts an extent at the borders of blocks and moves the pieces to their places.
func (l layout) split(e disk.Extent) []disk.Extent {
	var pieces []disk.Extent
	for e.Length > 0 {
		before, _ := l.used.Index(e.Offset / block)
		n := min(e.Length, block-e.Offset%block)
		pieces = append(pieces, disk.Extent{Offset: l.at(before) + bitmap + e.Offset%block, Length: n, Data: e.Data, From: e.From})
		e.Offset, e.From, e.Length = e.Offset+n, e.From+n, e.Length-n
	}
	return pieces
}
