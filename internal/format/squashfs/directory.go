package squashfs

import (
	"math"
)

const (
	// runMax is how many names one header of a directory is for.
	runMax = 256
	// listingExtra is what the size of a directory counts beyond its names.
	listingExtra = 3
)

// listing is the content of a directory being written.
type listing struct {
	names *table
	size  int
	index le
	count uint16 // of the index
	last  int    // position of the last indexed run
}

// writeDir writes the names of a directory and all below it, then its inode.
func (m *metadata) writeDir(n *node) {
	children := n.Children()
	subdirs := uint32(0)
	for _, c := range children {
		if c.IsDir() {
			m.writeDir(c)
			subdirs++
		} else {
			m.writeInode(c.Inode)
		}
	}
	block, offset := m.names.position()
	l := listing{names: &m.names}
	for len(children) > 0 {
		run := l.run(children)
		l.write(children[:run])
		children = children[run:]
	}
	m.dirInode(n, &l, subdirs+2, block, offset)
}

// run returns how many of the names go under one header: those whose inodes
// are in the same block of the table, with numbers close to the first one.
func (l *listing) run(children []*node) int {
	first := &children[0].Inode.Data
	size := 0
	for i, c := range children {
		d := &c.Inode.Data
		delta := int64(d.number) - int64(first.number)
		far := delta < math.MinInt16 || delta > math.MaxInt16
		if i == runMax || d.ref>>16 != first.ref>>16 || far || size > metaSize {
			return i
		}
		size += 8 + len(c.Name)
	}
	return len(children)
}

func (l *listing) write(run []*node) {
	first := &run[0].Inode.Data
	if l.size-l.last >= metaSize {
		block, _ := l.names.position()
		l.index = append(l.index.u32(uint32(l.size)).u32(block).u32(uint32(len(run[0].Name)-1)), run[0].Name...)
		l.count++
		l.last = l.size
	}
	b := le{}.u32(uint32(len(run) - 1)).u32(uint32(first.ref >> 16)).u32(first.number)
	for _, c := range run {
		d := &c.Inode.Data
		b = b.u16(uint16(d.ref)).u16(uint16(d.number - first.number)).u16(basicType(c.Inode)).u16(uint16(len(c.Name) - 1))
		b = append(b, c.Name...)
	}
	l.names.write(b)
	l.size += len(b)
}

func (m *metadata) dirInode(n *node, l *listing, links, block uint32, offset uint16) {
	i := n.Inode
	parent := m.count + 1
	if n.Parent != nil {
		parent = n.Parent.Inode.Data.number
	}
	size := uint32(l.size + listingExtra)
	xattrs := m.xattrs.id(i.Xattrs)
	i.Data.ref = m.inodes.reference()
	if size <= math.MaxUint16 && xattrs == noXattrs {
		m.inodes.write(m.inodeHead(i, false).u32(block).u32(links).u16(uint16(size)).u16(offset).u32(parent))
		return
	}
	b := m.inodeHead(i, true).u32(links).u32(size).u32(block).u32(parent).u16(l.count).u16(offset).u32(xattrs)
	m.inodes.write(append(b, l.index...))
}

// number gives the inodes below a directory their numbers: those of one
// directory follow each other.
func (m *metadata) number(n *node) {
	children := n.Children()
	for _, c := range children {
		m.numberOne(c.Inode)
	}
	for _, c := range children {
		if c.IsDir() {
			m.number(c)
		}
	}
}

func (m *metadata) numberOne(i *inode) {
	if i.Data.number == 0 {
		m.count++
		i.Data.number = m.count
	}
	if i.ModTime.IsZero() {
		i.ModTime = m.time
	}
}
