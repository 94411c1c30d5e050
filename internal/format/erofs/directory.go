package erofs

import (
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

const direntSize = 12

var types = map[uint32]uint8{
	fsimage.TypeRegular: 1, fsimage.TypeDir: 2, fsimage.TypeChar: 3, fsimage.TypeBlock: 4,
	fsimage.TypeFifo: 5, fsimage.TypeSocket: 6, fsimage.TypeSymlink: 7,
}

// directory is a directory of which the names are known.
type directory struct {
	names  []name
	blocks []int // how many names are in each block
	size   int
	at     uint32 // the first block
	whole  int    // blocks that are not beside the inode
}

type name struct {
	text string
	node *node
}

// newDirectory lays the names out in blocks: whole ones, and one that ends
// with the last name.
func newDirectory(n *node) *directory {
	d := &directory{names: []name{{".", n}, {"..", n}}}
	if n.Parent != nil {
		d.names[1].node = n.Parent
	}
	for _, c := range n.Children() {
		d.names = append(d.names, name{c.Name, c})
	}
	slices.SortFunc(d.names, func(a, b name) int { return strings.Compare(a.text, b.text) })
	used, count := 0, 0
	for _, n := range d.names {
		need := direntSize + len(n.text)
		if used+need > blockSize {
			d.blocks = append(d.blocks, count)
			used, count = 0, 0
		}
		used, count = used+need, count+1
	}
	d.size = len(d.blocks)*blockSize + used
	d.blocks = append(d.blocks, count)
	return d
}

// links is the number of names of the directory, as it is counted.
func (d *directory) links() uint32 {
	links := uint32(0)
	for _, n := range d.names {
		if n.node.IsDir() && n.text != ".." {
			links++
		}
	}
	return links + 1
}

// content returns the blocks, the last one not filled.
func (d *directory) content() []byte {
	b := le{}
	names := d.names
	for _, count := range d.blocks {
		b = appendNames(b.align(blockSize), names[:count])
		names = names[count:]
	}
	return b
}

func appendNames(b le, names []name) le {
	offset := len(names) * direntSize
	for _, n := range names {
		b = b.u64(n.node.Inode.Data.nid).u16(uint16(offset)).u8(types[n.node.Inode.Mode&fsimage.TypeMask]).u8(0)
		offset += len(n.text)
	}
	for _, n := range names {
		b = append(b, n.text...)
	}
	return b
}
