package erofs

// Types of logical clusters, blocks of content as the index tells them.
const (
	clusterPlain = 0
	clusterHead  = 1
	clusterNone  = 2 // no extent begins in it
)

const (
	// blockCount marks the number of blocks of an extent.
	blockCount = 1 << 11

	adviseBigClusters = 1 << 1
	adviseInlineTail  = 1 << 3
)

func (o *Options) algorithm() uint8 {
	if o.Compression == Zstd {
		return 3
	}
	return 0
}

// writeCompressed writes a file with an index of its extents.
func (z *writer) writeCompressed(f *file) error {
	blocks, extents := uint32(0), f.extents
	for _, e := range extents {
		blocks += uint32(e.blocks)
	}
	advise, t := uint16(adviseBigClusters), &f.tail
	if len(t.data) > 0 {
		advise |= adviseInlineTail
		extents = append(extents, extent{length: t.length, blocks: 0, plain: t.plain})
	}
	b := z.inodeHead(f.inode, layoutCompressed, uint64(f.inode.Size), blocks, 1).align(8)
	b = b.u16(0).u16(uint16(len(t.data))).u16(advise).u8(z.opts.algorithm()).u8(0).u64(0)
	b = appendIndex(b, extents)
	return z.addInode(f.inode, append(b, t.data...), len(t.data))
}

// appendIndex tells for each block of content which extent begins in it and
// where, or how far away those before and after it begin.
func appendIndex(b le, extents []extent) le {
	offset := int64(0)
	for n, e := range extents {
		end := offset + int64(e.length)
		next := end / blockSize // where the next one begins
		if n == len(extents)-1 {
			next = (end + blockSize - 1) / blockSize
		}
		kind := uint16(clusterHead)
		if e.plain {
			kind = clusterPlain
		}
		head := offset / blockSize
		b = b.u16(kind).u16(uint16(offset % blockSize)).u32(e.at)
		for c := head + 1; c < next; c++ {
			before := uint16(c - head)
			if before == 1 && !e.plain {
				before = uint16(max(e.blocks, 1)) | blockCount
			}
			b = b.u16(clusterNone).u16(0).u16(before).u16(uint16(next - c))
		}
		offset = end
	}
	return b
}
