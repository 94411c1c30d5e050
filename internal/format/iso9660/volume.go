package iso9660

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// volume is one of the trees that tell names: the primary one or Joliet's.
type volume struct {
	joliet bool
	dirs   []*directory // in the order of the path table
	paths  [2]int64     // sectors of the path tables, little and big endian
}

// directory is a directory of a volume.
type directory struct {
	node    *node
	parent  *directory
	number  int
	id      []byte
	entries []named
	sector  int64
	records int64 // bytes of its records, whole sectors
	size    int64 // bytes with the continuation
}

// named is an entry of a directory.
type named struct {
	node *node
	id   []byte
	dir  *directory
}

func newVolume(root *node, isJoliet bool) (*volume, error) {
	v := &volume{joliet: isJoliet}
	top := &directory{node: root, number: 1, id: []byte{0}}
	top.parent = top
	v.dirs = []*directory{top}
	for i := 0; i < len(v.dirs); i++ {
		v.list(v.dirs[i])
		for k, e := range v.dirs[i].entries {
			if e.node.IsDir() {
				d := &directory{node: e.node, parent: v.dirs[i], number: len(v.dirs) + 1, id: e.id}
				v.dirs[i].entries[k].dir = d
				v.dirs = append(v.dirs, d)
			}
		}
	}
	if len(v.dirs) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d directories, at most %d are", ErrUnsupported, len(v.dirs), math.MaxUint16)
	}
	return v, nil
}

// list names the entries of a directory and sorts them.
func (v *volume) list(d *directory) {
	var m namer = plainNames{}
	children := d.node.Children()
	if v.joliet {
		m = jolietNames{}
		children = slices.DeleteFunc(children, func(n *node) bool {
			return !n.IsDir() && n.Inode.Mode&fsimage.TypeMask != fsimage.TypeRegular
		})
	}
	for i, id := range names(children, m) {
		d.entries = append(d.entries, named{node: children[i], id: id})
	}
	slices.SortFunc(d.entries, func(a, b named) int { return bytes.Compare(order(a.id), order(b.id)) })
}

// order is the identifier without its version, which does not sort.
func order(id []byte) []byte { return bytes.TrimSuffix(id, []byte(";1")) }

// place gives the directories their sectors, from first on, and returns the end.
func (v *volume) place(first int64) (int64, error) {
	table := sectors(int64(len(v.pathTable(le))))
	v.paths = [2]int64{first, first + table}
	first += 2 * table
	for _, d := range v.dirs {
		records, more := v.encode(d)
		d.sector, d.records, d.size = first, int64(len(records)), int64(len(records)+len(more))
		if d.records > math.MaxUint32 {
			return 0, fmt.Errorf("%w: a directory with %d entries", ErrUnsupported, len(d.entries))
		}
		first += d.size / Sector
	}
	return first, nil
}

// encode returns the records of a directory and their continuation, both in
// whole sectors.
func (v *volume) encode(d *directory) (records, more []byte) {
	c := &continuation{sector: uint32(d.sector + d.records/Sector)}
	var first, parent [][]byte
	if !v.joliet {
		first, parent = attributes(d.node), attributes(d.parent.node)
		if d.parent == d {
			sp, er := rootFields()
			first = append(append([][]byte{sp}, first...), er)
		}
	}
	records = v.append(records, c, d.extent(), d.node.Inode, []byte{0}, first)
	records = v.append(records, c, d.parent.extent(), d.parent.node.Inode, []byte{1}, parent)
	for _, e := range d.entries {
		var fields [][]byte
		if !v.joliet {
			fields = rockRidge(e.node)
		}
		if e.dir != nil {
			records = v.append(records, c, e.dir.extent(), e.node.Inode, e.id, fields)
			continue
		}
		for _, x := range extents(e.node.Inode) {
			records = v.append(records, c, x, e.node.Inode, e.id, fields)
		}
	}
	return whole(records), whole(c.data)
}

func (d *directory) extent() extent {
	return extent{uint32(d.sector), uint32(d.records), flagDir}
}

// append adds a record, in the next sector if it does not fit this one.
func (v *volume) append(records []byte, c *continuation, x extent, i *inode, id []byte, fields [][]byte) []byte {
	n := 33 + len(id)
	susp := c.fit(fields, 254-n-n%2)
	r := record(x, i.ModTime, id, susp)
	if len(records)%Sector+len(r) > Sector {
		records = whole(records)
	}
	return append(records, r...)
}

// whole fills up the last sector.
func whole(b []byte) []byte {
	return append(b, make([]byte, up(int64(len(b)), Sector)-int64(len(b)))...)
}

// byteOrder is one of the two orders.
type byteOrder interface {
	AppendUint16([]byte, uint16) []byte
	AppendUint32([]byte, uint32) []byte
}

// pathTable lists all directories.
func (v *volume) pathTable(o byteOrder) []byte {
	var b []byte
	for _, d := range v.dirs {
		b = append(b, byte(len(d.id)), 0)
		b = o.AppendUint32(b, uint32(d.sector))
		b = o.AppendUint16(b, uint16(d.parent.number))
		b = append(b, d.id...)
		if len(d.id)%2 == 1 {
			b = append(b, 0)
		}
	}
	return b
}
