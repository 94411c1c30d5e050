package fat

import (
	"encoding/binary"
	"sort"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// run is a file or directory in the allocation table.
type run struct{ first, count int64 }

// allocate gives everything its clusters, directories first, and returns them
// in ascending order with the first cluster behind all.
func allocate(root *node, nodes []*node, g geometry) (runs []run, next int64) {
	next = firstNumber
	take := func(n *node, size int64) {
		n.cluster = 0
		if size > 0 {
			n.cluster = next
			runs = append(runs, run{next, disk.Up(size, g.cluster) / g.cluster})
			next += runs[len(runs)-1].count
		}
	}
	root.walk(func(n *node) {
		size := max(1, n.slots*slotSize)
		if n == root && g.kind == FAT16 {
			size = 0 // has a place of its own
		}
		take(n, size)
	})
	step := max(1, align/g.cluster)
	for _, n := range nodes {
		if !n.dir {
			next = firstNumber + disk.Up(next-firstNumber, step)
			take(n, n.size)
		}
	}
	return runs, next
}

// tables returns the used part of both allocation tables.
func (fs *FS) tables() []disk.Extent {
	g := fs.geometry
	last := int64(1)
	if n := len(fs.runs); n > 0 {
		last = fs.runs[n-1].first + fs.runs[n-1].count - 1
	}
	records := disk.Records{Width: int(g.width()), Put: fs.putEntry}
	length := disk.Up((last+1)*g.width(), disk.Sector)
	var extents []disk.Extent
	for i := range int64(copies) {
		extents = append(extents, disk.Extent{Offset: (g.reserved + i*g.table) * disk.Sector, Length: length, Data: records})
	}
	return extents
}

// putEntry writes the entry of a cluster.
func (fs *FS) putEntry(b []byte, cluster int64) {
	value := fs.entry(cluster)
	if fs.Type == FAT16 {
		binary.LittleEndian.PutUint16(b, uint16(value))
		return
	}
	binary.LittleEndian.PutUint32(b, value)
}

// entry returns which cluster follows one.
func (fs *FS) entry(cluster int64) uint32 {
	const end = 0x0fffffff
	switch cluster {
	case 0:
		return 0x0ffffff8 // the media byte
	case 1:
		return end // clean, no errors
	}
	i := sort.Search(len(fs.runs), func(i int) bool { return fs.runs[i].first+fs.runs[i].count > cluster })
	switch {
	case i == len(fs.runs) || cluster < fs.runs[i].first:
		return 0
	case cluster == fs.runs[i].first+fs.runs[i].count-1:
		return end
	}
	return uint32(cluster + 1)
}

// free returns how many clusters are unused, and the one behind the last used.
func (fs *FS) free() (count, next int64) {
	count, next = fs.geometry.clusters, firstNumber
	for _, r := range fs.runs {
		count -= r.count
		next = r.first + r.count
	}
	return count, next
}
