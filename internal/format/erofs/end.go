package erofs

import (
	"context"
	"encoding/binary"
	"hash/crc32"
)

// Features without which a kernel cannot read an image.
const (
	featureZeroPadding = 0x01
	featureConfigs     = 0x02 // and clusters of more than a block
	featureChunks      = 0x04
	featureInlineTails = 0x10
	featureDedupe      = 0x20
	// compatible ones: there is a checksum, and inodes have their own times.
	featuresCompatible = 0x03
)

const (
	superOffset = 1024
	superSize   = 128
	labelSize   = 16 // of the name of the volume, which stays empty
	superMagic  = 0xe0f5e1e2
	rootOffset  = superOffset + superSize + 32
)

// writeEnd writes the directories, the links and the superblock, and returns
// the size of the image.
func (z *writer) writeEnd(ctx context.Context) (int64, error) {
	dirs := z.layOut(z.tree.Root, nil)
	for _, n := range dirs[1:] {
		if err := z.placeDir(n); err != nil {
			return 0, err
		}
	}
	if err := z.flushMeta(); err != nil {
		return 0, err
	}
	super := make([]byte, blockSize)
	copy(super[rootOffset:], z.rootInode())
	for _, n := range dirs[1:] {
		if err := z.writeNames(n); err != nil {
			return 0, err
		}
	}
	if err := z.writeRoot(super); err != nil {
		return 0, err
	}
	return z.sink.Finish(ctx, z.pos, blockSize)
}

// layOut lists the directories from a node on.
func (z *writer) layOut(n *node, dirs []*node) []*node {
	d := newDirectory(n)
	n.Inode.Data.dir = d
	if n.Inode.ModTime.IsZero() {
		n.Inode.ModTime = z.opts.Time
	}
	dirs = append(dirs, n)
	for _, c := range d.names {
		if c.node.IsDir() && c.node.Parent == n {
			dirs = z.layOut(c.node, dirs)
		}
	}
	return dirs
}

// dirHead is the inode of a directory with attributes, after the blocks that
// it needs have got their place. Its tail comes beside it if there is room.
func (z *writer) dirHead(n *node, room int) le {
	d := n.Inode.Data.dir
	d.whole = len(d.blocks)
	layout := uint16(layoutPlain)
	if inodeSize+xattrSize(n.Inode.Xattrs)+d.size-(d.whole-1)*blockSize <= room {
		d.whole--
		layout = layoutInline
	}
	d.at = z.allot(d.whole)
	return z.inodeHead(n.Inode, layout, uint64(d.size), d.at, d.links())
}

func (d *directory) tail() int { return max(d.size-d.whole*blockSize, 0) }

func (z *writer) placeDir(n *node) error {
	head := z.dirHead(n, blockSize)
	tail := n.Inode.Data.dir.tail()
	return z.addInode(n.Inode, append(head, make([]byte, tail)...), tail)
}

func (z *writer) rootInode() []byte {
	z.tree.Root.Inode.Data.nid = rootOffset / slotSize
	return z.dirHead(z.tree.Root, blockSize-rootOffset)
}

// writeNames writes the content of a directory and counts the links of the
// files in it.
func (z *writer) writeNames(n *node) error {
	tail, err := z.writeNameBlocks(n)
	if err != nil || len(tail) == 0 {
		return err
	}
	at := int64(n.Inode.Data.nid)*slotSize + inodeSize + int64(xattrSize(n.Inode.Xattrs))
	return z.sink.Write(tail, at)
}

// writeNameBlocks returns what goes beside the inode.
func (z *writer) writeNameBlocks(n *node) ([]byte, error) {
	d := n.Inode.Data.dir
	for _, c := range d.names {
		if err := z.patchLinks(c.node.Inode); err != nil {
			return nil, err
		}
	}
	content := d.content()
	z.identity.Write(content)
	whole := min(d.whole*blockSize, len(content))
	tail := content[whole:]
	if whole == 0 {
		return tail, nil
	}
	return tail, z.writeAt(le(content[:whole:whole]).align(blockSize), d.at)
}

// patchLinks writes the number of links of a file that has several.
func (z *writer) patchLinks(i *inode) error {
	if i.Links == 1 || i.Data.patched || i.Data.dir != nil {
		return nil
	}
	i.Data.patched = true
	return z.sink.Write(le{}.u32(i.Links), int64(i.Data.nid)*slotSize+linksOffset)
}

// writeRoot completes the first block.
func (z *writer) writeRoot(block []byte) error {
	root := z.tree.Root
	tail, err := z.writeNameBlocks(root)
	if err != nil {
		return err
	}
	copy(block[rootOffset+inodeSize+xattrSize(root.Inode.Xattrs):], tail)
	copy(block[superOffset:], z.super())
	// The sum is that of the kernel, which does not invert it.
	sum := ^crc32.Checksum(block[superOffset:], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(block[superOffset+4:], sum)
	return z.writeAt(block, 0)
}

// super is the superblock without its sum, and the configuration of the
// compression after it.
func (z *writer) super() []byte {
	algorithms, config := uint16(0), le{}
	switch z.opts.Compression {
	case LZ4:
		algorithms = 1 << 0
		config = config.u16(14).u16(lz4Window).u16(uint16(z.opts.ClusterSize / blockSize))
		config = append(config, make([]byte, 10)...)
	case Zstd:
		algorithms = 1 << 3
		config = append(config.u16(6).u8(0).u8(zstdWindowLog-10), make([]byte, 4)...)
	}
	if algorithms != 0 {
		z.features |= featureZeroPadding | featureConfigs | featureInlineTails
	}
	b := le{}.u32(superMagic).u32(0).u32(featuresCompatible).u8(12).u8(0).u16(rootOffset / slotSize)
	b = b.u64(uint64(z.inodes)).u64(uint64(z.opts.Time.Unix())).u32(uint32(z.opts.Time.Nanosecond()))
	b = b.u32(uint32(z.pos / blockSize)).u32(0).u32(0)
	b = append(append(b, z.uuid()...), make([]byte, labelSize)...)
	b = b.u32(z.features).u16(algorithms)
	return append(append(b, make([]byte, superSize-len(b))...), config...)
}

// uuid is one of version 8 (RFC 9562), made from all that is in the image.
func (z *writer) uuid() []byte {
	id := z.identity.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}
