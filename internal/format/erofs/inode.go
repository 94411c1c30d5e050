package erofs

const (
	inodeSize   = 64
	linksOffset = 44 // of the number of links in an inode
)

// Layouts of the content of a file.
const (
	layoutPlain      = 0
	layoutCompressed = 1
	layoutInline     = 2
	layoutChunks     = 4
)

// inodeHead is the inode with its attributes. Size is that of the content,
// and place means what the layout makes of it. Of files, links are counted
// when all names are known.
func (z *writer) inodeHead(i *inode, layout uint16, size uint64, place, links uint32) le {
	z.inodes++
	b := le{}.u16(layout<<1 | 1).u16(xattrCount(i.Xattrs)).u16(uint16(i.Mode)).u16(0).u64(size).u32(place).u32(z.inodes)
	b = b.u32(i.UID).u32(i.GID).u64(uint64(i.ModTime.Unix())).u32(uint32(i.ModTime.Nanosecond())).u32(links)
	return appendXattrs(append(b, make([]byte, inodeSize-len(b))...), i.Xattrs)
}

func (z *writer) writeSymlink(i *inode) error {
	target := []byte(i.Linkname)
	if inodeSize+xattrSize(i.Xattrs)+len(target) <= blockSize {
		return z.addInode(i, append(z.inodeHead(i, layoutInline, uint64(len(target)), 0, 1), target...), len(target))
	}
	at := z.allot(1)
	if err := z.writeAt(append(target, make([]byte, blockSize-len(target))...), at); err != nil {
		return err
	}
	return z.addInode(i, z.inodeHead(i, layoutPlain, uint64(len(target)), at, 1), 0)
}

// writeRegular writes the inode of a file whose content has its place.
func (z *writer) writeRegular(f *file) error {
	switch {
	case f.holes && z.opts.Compression == None:
		return z.writeChunks(f)
	case f.flat():
		return z.writeFlat(f)
	case f.holes:
		if err := z.placeZeros(f); err != nil {
			return err
		}
	}
	return z.writeCompressed(f)
}

func (z *writer) writeFlat(f *file) error {
	at, layout := uint32(0), uint16(layoutPlain)
	if len(f.extents) > 0 {
		at = f.extents[0].at
	}
	if len(f.tail.data) > 0 {
		layout = layoutInline
	}
	head := z.inodeHead(f.inode, layout, uint64(f.inode.Size), at, 1)
	return z.addInode(f.inode, append(head, f.tail.data...), len(f.tail.data))
}

// hole is the address of blocks of zeros that are not there.
const hole = 0xffffffff

// writeHole writes a file of nothing but zeros.
func (z *writer) writeHole(i *inode) error {
	const chunkBits = 19 // 2 GiB, what kernels of 32 bits can count
	z.features |= featureChunks
	b := z.inodeHead(i, layoutChunks, uint64(i.Size), chunkBits, 1)
	for at := int64(0); at < i.Size; at += blockSize << chunkBits {
		b = b.u32(hole)
	}
	return z.addInode(i, b, 0)
}

// writeChunks writes a file of segments that are there or not.
func (z *writer) writeChunks(f *file) error {
	const chunkBits = 4 // segments of 64 KiB
	z.features |= featureChunks
	b := z.inodeHead(f.inode, layoutChunks, uint64(f.inode.Size), chunkBits, 1)
	offset := int64(0)
	for _, e := range f.extents {
		if offset%(blockSize<<chunkBits) == 0 {
			at := e.at
			if e.zero {
				at = hole
			}
			b = b.u32(at)
		}
		offset += int64(e.length)
	}
	return z.addInode(f.inode, b, 0)
}
