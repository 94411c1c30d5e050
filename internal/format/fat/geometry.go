package fat

import (
	"errors"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

const (
	align       = 4096 // on which data of files begins
	copies      = 2    // of the allocation table
	firstNumber = 2    // of clusters
	margin      = 16   // distance from the limits that tell types apart, as the specification advises
	minFAT16    = 4085 + margin
	minFAT32    = 65525 + margin
	maxFAT16    = 65525 - 1 - margin
	maxFAT32    = 0x0ffffff4
)

// geometry says where everything is. All sizes are bytes unless they say sectors.
type geometry struct {
	kind     Type
	sectors  int64 // of the whole
	cluster  int64
	reserved int64 // sectors
	table    int64 // sectors of one allocation table
	root     int64 // sectors of the root directory of FAT16
	clusters int64
}

// width returns the bytes of an entry of the allocation table.
func (g geometry) width() int64 { return int64(g.kind) / 8 }

// start returns where the first cluster is.
func (g geometry) start() int64 { return (g.reserved + copies*g.table + g.root) * disk.Sector }

// at returns where a cluster is.
func (g geometry) at(cluster int64) int64 { return g.start() + (cluster-firstNumber)*g.cluster }

// offset returns where the content of a node is; 0 is nowhere.
func (g geometry) offset(n *node) int64 {
	if n.cluster == 0 || n.dir {
		return 0
	}
	return g.at(n.cluster)
}

// measure returns the geometry of so many sectors with a cluster size.
func measure(kind Type, sectors, cluster, root int64) geometry {
	g := geometry{kind: kind, sectors: sectors, cluster: cluster, root: root, reserved: 1}
	if kind == FAT32 {
		g.root, g.reserved = 0, 32
	}
	room := max(0, sectors-g.reserved-g.root) * disk.Sector / cluster
	g.table = disk.Up((room+firstNumber)*g.width(), disk.Sector) / disk.Sector
	used := copies*g.table + g.root
	g.reserved = disk.Up(g.reserved+used, align/disk.Sector) - used
	g.clusters = max(0, sectors*disk.Sector-g.start()) / cluster
	return g
}

// errGeometry is returned for sizes that no cluster size suits.
var errGeometry = errors.New("no cluster size suits")

// plan chooses type and cluster size by the size alone.
func plan(kind Type, sectors, root int64) (geometry, error) {
	if kind != FAT16 {
		for cluster := largest(sectors); cluster >= disk.Sector; cluster /= 2 {
			if g := measure(FAT32, sectors, cluster, root); g.clusters >= minFAT32 && g.clusters <= maxFAT32 {
				return g, nil
			}
		}
	}
	if kind != FAT32 {
		for _, cluster := range []int64{4096, 2048, 1024, 512, 8192, 16384, 32768} {
			if g := measure(FAT16, sectors, cluster, root); g.clusters >= minFAT16 && g.clusters <= maxFAT16 {
				return g, nil
			}
		}
	}
	return geometry{}, errGeometry
}

// largest returns the cluster size that FAT32 commonly has.
func largest(sectors int64) int64 {
	const gib = 1 << 30 / disk.Sector
	switch {
	case sectors <= 8*gib:
		return 4096
	case sectors <= 16*gib:
		return 8192
	case sectors <= 32*gib:
		return 16384
	}
	return 32768
}

// limits returns the smallest and largest sizes worth trying.
func (t Type) limits() (low, high int64) {
	switch t {
	case FAT16:
		return 2 << 20, 2047 << 20
	case FAT32:
		return 32 << 20, (1<<32 - 1) * disk.Sector
	}
	return 2 << 20, (1<<32 - 1) * disk.Sector
}

// fit returns the size that was asked for, or the smallest that holds everything.
func fit(root *node, nodes []*node, opts Options) (int64, geometry, error) {
	_, high := opts.Type.limits()
	if opts.Size > high {
		return 0, geometry{}, fmt.Errorf("%d bytes: more than the %d that this type takes", opts.Size, high)
	}
	if opts.Size > 0 {
		if g, ok := holds(opts.Size, root, nodes, opts.Type); ok {
			return opts.Size, g, nil
		}
	}
	size, g, err := smallest(root, nodes, opts.Type)
	switch {
	case err != nil:
		return 0, g, err
	case opts.Size > size:
		return 0, g, fmt.Errorf("%d bytes: do not suit this type; %d would", opts.Size, size)
	case opts.Size > 0:
		return 0, g, fmt.Errorf("%d bytes: the files need %d: %w", opts.Size, size, disk.ErrTooSmall)
	}
	return size, g, nil
}

// holds tells whether everything fits into size bytes.
func holds(size int64, root *node, nodes []*node, kind Type) (geometry, bool) {
	g, err := plan(kind, size/disk.Sector, rootSectors(root))
	if err != nil {
		return g, false
	}
	return g, lack(root, nodes, g) <= 0
}

// smallest returns a size that holds everything, when 4096 bytes less do not.
func smallest(root *node, nodes []*node, kind Type) (int64, geometry, error) {
	low, high := kind.limits()
	low -= align // does not hold it
	size := low + align
	for size <= high {
		g, ok := holds(size, root, nodes, kind)
		if ok {
			return bisect(low, size, root, nodes, kind)
		}
		low = size
		size += align
		if g.cluster > 0 {
			size = low + max(align, disk.Up(lack(root, nodes, g)*g.cluster, align))
		}
	}
	return 0, geometry{}, fmt.Errorf("the files need more than the %d bytes that this type takes", high)
}

// lack returns how many clusters are missing.
func lack(root *node, nodes []*node, g geometry) int64 {
	_, next := allocate(root, nodes, g)
	return next - firstNumber - g.clusters
}

// bisect finds the border between low, which does not hold everything, and high, which does.
func bisect(low, high int64, root *node, nodes []*node, kind Type) (int64, geometry, error) {
	for high-low > align {
		middle := low + (high-low)/align/2*align
		if _, ok := holds(middle, root, nodes, kind); ok {
			high = middle
		} else {
			low = middle
		}
	}
	g, _ := holds(high, root, nodes, kind)
	return high, g, nil
}

// rootSectors returns the sectors of the root directory of FAT16: 512 entries or as many as needed.
func rootSectors(root *node) int64 {
	return disk.Up(max(512, root.slots)*slotSize, disk.Sector) / disk.Sector
}
