package squashfs

import (
	"math"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Numbers of the basic types of inodes; those of extended ones are higher by
// extended.
const (
	typeDir = 1 + iota
	typeRegular
	typeSymlink
	typeBlock
	typeChar
	typeFifo
	typeSocket
	extended = 7
)

var types = map[uint32]uint16{
	fsimage.TypeDir: typeDir, fsimage.TypeRegular: typeRegular, fsimage.TypeSymlink: typeSymlink,
	fsimage.TypeBlock: typeBlock, fsimage.TypeChar: typeChar, fsimage.TypeFifo: typeFifo, fsimage.TypeSocket: typeSocket,
}

func basicType(i *inode) uint16 { return types[i.Mode&fsimage.TypeMask] }

// inodeHead is what all inodes begin with.
func (m *metadata) inodeHead(i *inode, isExtended bool) le {
	t := basicType(i)
	if isExtended {
		t += extended
	}
	return le{}.u16(t).u16(uint16(i.Mode & 0o7777)).u16(m.owner(i.UID)).u16(m.owner(i.GID)).
		u32(fsimage.Unix32(i.ModTime)).u32(i.Data.number)
}

// writeInode writes a file that is no directory, once.
func (m *metadata) writeInode(i *inode) {
	if i.Data.written {
		return
	}
	xattrs := m.xattrs.id(i.Xattrs)
	var b le
	switch {
	case i.Data.content != nil && (xattrs != noXattrs || needsExtended(i)):
		b = m.extendedFile(i, xattrs)
	case i.Data.content != nil:
		b = m.basicFile(i)
	default:
		b = m.special(i, xattrs)
	}
	i.Data.ref, i.Data.written = m.inodes.reference(), true
	m.inodes.write(b)
}

// needsExtended tells whether the basic inode of files is too small.
func needsExtended(i *inode) bool {
	c := i.Data.content
	return i.Links > 1 || c.sparse > 0 || i.Size > math.MaxUint32 || c.start > math.MaxUint32
}

func (m *metadata) basicFile(i *inode) le {
	c := i.Data.content
	b := m.inodeHead(i, false).u32(uint32(c.start)).u32(c.fragment).u32(c.offset).u32(uint32(i.Size))
	return b.sizes(c)
}

func (m *metadata) extendedFile(i *inode, xattrs uint32) le {
	c := i.Data.content
	// A file of nothing but zeros has one byte less of them, as the file of
	// mksquashfs has: that keeps its count of blocks from being none.
	sparse := c.sparse
	if sparse == i.Size && sparse > 0 {
		sparse--
	}
	b := m.inodeHead(i, true).u64(uint64(c.start)).u64(uint64(i.Size)).u64(uint64(sparse)).
		u32(i.Links).u32(c.fragment).u32(c.offset).u32(xattrs)
	return b.sizes(c)
}

func (b le) sizes(c *content) le {
	for _, s := range c.sizes {
		b = b.u32(s)
	}
	return b
}

// special is the inode of links, devices, pipes and sockets.
func (m *metadata) special(i *inode, xattrs uint32) le {
	b := m.inodeHead(i, xattrs != noXattrs).u32(i.Links)
	switch basicType(i) {
	case typeSymlink:
		b = append(b.u32(uint32(len(i.Linkname))), i.Linkname...)
	case typeBlock, typeChar:
		b = b.u32(i.Device())
	}
	if xattrs != noXattrs {
		b = b.u32(xattrs)
	}
	return b
}
