// Package qcow2 turns disk images into QEMU's format qcow2, version 3, as
// docs/interop/qcow2.rst of QEMU defines it: clusters of 64 KiB, reference
// counts of 16 bits, no compression, no snapshots, no backing file.
//
// All tables are ahead of the data and computed when read, so the result is
// again a disk.Image that can be streamed, or written with the data shared.
package qcow2

import (
	"encoding/binary"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

const (
	clusterBits = 16
	cluster     = 1 << clusterBits
	perL2       = cluster / 8 // entries of a table of the second level
	perRefs     = cluster / 2 // reference counts in a block of them
	copied      = 1 << 63     // the entry's cluster has one reference
	headerSize  = 104
)

// maxSize is what QEMU opens: tables of the first level of 32 MiB.
const maxSize = (32 << 20) / 8 * perL2 * cluster

// layout says where everything is, in clusters.
type layout struct {
	size     int64     // of the disk in bytes
	data     disk.Runs // clusters of the disk that hold data
	tables   disk.Runs // tables of the second level that are needed
	refTable int64     // clusters of the table of reference count blocks, behind the header
	refs     int64     // reference count blocks
	l1       int64     // clusters of the table of the first level
}

// Encode returns im as a qcow2 image. Clusters without data take no room. The
// size of the disk must be whole sectors.
func Encode(im *disk.Image) (*disk.Image, error) {
	if err := im.Check(); err != nil {
		return nil, fmt.Errorf("make qcow2 image: %w", err)
	}
	if im.Size%disk.Sector != 0 || im.Size > maxSize {
		return nil, fmt.Errorf("make qcow2 image: size of %d bytes: must be whole sectors of %d bytes, at most %d bytes", im.Size, disk.Sector, int64(maxSize))
	}
	l := plan(im)
	extents := []disk.Extent{
		disk.Bytes(0, l.header()),
		l.extent(1, l.refs*8, disk.Records{Width: 8, Put: l.putRefBlock}),
		l.extent(1+l.refTable, l.end()*2, disk.Records{Width: 2, Put: l.putRef}),
		l.extent(l.l1At(), l.l1Entries()*8, disk.Records{Width: 8, Put: l.putL1}),
		l.extent(l.l2At(), l.tables.Total()*cluster, disk.Records{Width: 8, Put: l.putL2}),
	}
	return disk.New(l.end()*cluster, append(extents, l.move(im)...)...)
}

// plan lays everything out. Reference counts cover themselves, so their number is found by trying.
func plan(im *disk.Image) layout {
	l := layout{size: im.Size, data: im.Blocks(cluster), tables: im.Blocks(cluster * perL2)}
	l.l1 = ceil(l.l1Entries()*8, cluster)
	for {
		refs := ceil(l.end(), perRefs)
		table := ceil(refs*8, cluster)
		if refs == l.refs && table == l.refTable {
			return l
		}
		l.refs, l.refTable = refs, table
	}
}

func ceil(n, by int64) int64 { return (n + by - 1) / by }

// extent returns a piece of the file that begins at a cluster.
func (l layout) extent(at, length int64, data disk.Records) disk.Extent {
	return disk.Extent{Offset: at * cluster, Length: length, Data: data}
}

func (l layout) l1Entries() int64 { return ceil(l.size, cluster*perL2) }
func (l layout) l1At() int64      { return 1 + l.refTable + l.refs }
func (l layout) l2At() int64      { return l.l1At() + l.l1 }
func (l layout) dataAt() int64    { return l.l2At() + l.tables.Total() }
func (l layout) end() int64       { return l.dataAt() + l.data.Total() }

// header returns the header and the mark that no extensions follow.
func (l layout) header() []byte {
	be := binary.BigEndian
	b := make([]byte, headerSize+8)
	copy(b, "QFI\xfb")
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], uint64(l.size))
	be.PutUint32(b[36:], uint32(l.l1Entries()))
	be.PutUint64(b[40:], uint64(l.l1At())*cluster)
	be.PutUint64(b[48:], cluster) // reference count table
	be.PutUint32(b[56:], uint32(l.refTable))
	be.PutUint32(b[96:], 4) // counts of 1<<4 bits
	be.PutUint32(b[100:], headerSize)
	return b
}

// putRefBlock writes where a block of reference counts is.
func (l layout) putRefBlock(b []byte, i int64) {
	if i < l.refs {
		binary.BigEndian.PutUint64(b, uint64(1+l.refTable+i)*cluster)
	}
}

// putRef writes a reference count: one for all clusters there are.
func (l layout) putRef(b []byte, i int64) {
	if i < l.end() {
		binary.BigEndian.PutUint16(b, 1)
	}
}

// putL1 writes where a table of the second level is.
func (l layout) putL1(b []byte, i int64) {
	if before, ok := l.tables.Index(i); ok {
		binary.BigEndian.PutUint64(b, uint64(l.l2At()+before)*cluster|copied)
	}
}

// putL2 writes where a cluster of the disk is. i counts entries over all tables there are.
func (l layout) putL2(b []byte, i int64) {
	if before, ok := l.data.Index(l.tables.Block(i/perL2)*perL2 + i%perL2); ok {
		binary.BigEndian.PutUint64(b, uint64(l.dataAt()+before)*cluster|copied)
	}
}

// move returns the data of the image where it is in the file.
func (l layout) move(im *disk.Image) []disk.Extent {
	moved := make([]disk.Extent, len(im.Extents))
	for i, e := range im.Extents {
		before, _ := l.data.Index(e.Offset / cluster)
		e.Offset = (l.dataAt()+before)*cluster + e.Offset%cluster
		moved[i] = e
	}
	return moved
}
