package squashfs

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// metadata is all but the content of files.
type metadata struct {
	inodes, names table
	xattrs        xattrTable
	owners        map[uint32]uint16
	ownerIDs      le
	count         uint32 // of inodes
	time          time.Time
}

// owner returns the number in the table of owners. That it is full shows in
// the length of the table.
func (m *metadata) owner(id uint32) uint16 {
	n, ok := m.owners[id]
	if !ok {
		n = uint16(len(m.owners))
		m.owners[id] = n
		m.ownerIDs = m.ownerIDs.u32(id)
	}
	return n
}

func (z *writer) collect(c compressor) (*metadata, error) {
	m := &metadata{owners: map[uint32]uint16{}, time: z.opts.Time}
	m.inodes.c, m.names.c, m.xattrs.pairs.c = c, c, c
	m.xattrs.known = map[string]uint32{}
	m.numberOne(z.tree.Root.Inode)
	m.number(z.tree.Root)
	m.writeDir(z.tree.Root)
	if len(m.owners) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d different owners, at most %d are", ErrUnsupported, len(m.owners), math.MaxUint16)
	}
	return m, nil
}

// super is the superblock.
type super struct {
	root, size                                      uint64
	ids, xattrs, inodes, names, fragments, exported uint64
	flags, owners                                   uint16
}

const (
	noTable = math.MaxUint64

	flagDuplicates = 1 << 6
	flagExport     = 1 << 7
	flagNoXattrs   = 1 << 9
)

// writeTables completes the image and returns its size.
func (z *writer) writeTables(ctx context.Context) (int64, error) {
	c, err := z.opts.compressor()
	if err != nil {
		return 0, err
	}
	m, err := z.collect(c)
	if err != nil {
		return 0, err
	}
	s := super{
		root: z.tree.Root.Inode.Data.ref, flags: flagDuplicates | flagExport,
		owners: uint16(len(m.owners)), xattrs: noTable,
	}
	if s.inodes, err = z.writeTable(&m.inodes); err != nil {
		return 0, err
	}
	if s.names, err = z.writeTable(&m.names); err != nil {
		return 0, err
	}
	if err := z.writeLookups(c, m, &s); err != nil {
		return 0, err
	}
	return z.finish(ctx, m, &s)
}

// writeTable writes the blocks of the table and returns where they begin.
func (z *writer) writeTable(t *table) (uint64, error) {
	t.flush()
	if t.err != nil {
		return 0, t.err
	}
	start := z.pos
	return uint64(start), z.write(t.blocks)
}

// writeLookup writes a table and after it where its blocks are; that place is
// what the superblock tells.
func (z *writer) writeLookup(c compressor, content le, head func(start uint64) le) (uint64, error) {
	t := table{c: c}
	t.write(content)
	start, err := z.writeTable(&t)
	if err != nil {
		return 0, err
	}
	b := head(start)
	for _, s := range t.starts {
		b = b.u64(start + s)
	}
	at := z.pos
	return uint64(at), z.write(b)
}

// writeLookups writes the tables in the order that the kernel checks them.
func (z *writer) writeLookups(c compressor, m *metadata, s *super) (err error) {
	none := func(uint64) le { return nil }
	var fragments le
	for _, e := range z.entries {
		fragments = fragments.u64(uint64(e.start)).u32(e.size).u32(0)
	}
	if s.fragments, err = z.writeLookup(c, fragments, none); err != nil {
		return err
	}
	if s.exported, err = z.writeLookup(c, z.exports(m), none); err != nil {
		return err
	}
	if s.ids, err = z.writeLookup(c, m.ownerIDs, none); err != nil || len(m.xattrs.ids) == 0 {
		return err
	}
	pairs, err := z.writeTable(&m.xattrs.pairs)
	if err != nil {
		return err
	}
	s.xattrs, err = z.writeLookup(c, m.xattrs.ids, func(uint64) le {
		return le{}.u64(pairs).u32(uint32(len(m.xattrs.known))).u32(0)
	})
	return err
}

// exports tells the places of the inodes by number, for NFS and overlays.
func (z *writer) exports(m *metadata) le {
	refs := make([]uint64, m.count)
	collectRefs(z.tree.Root, refs)
	var b le
	for _, r := range refs {
		b = b.u64(r)
	}
	return b
}

func collectRefs(n *node, refs []uint64) {
	refs[n.Inode.Data.number-1] = n.Inode.Data.ref
	for _, c := range n.Children() {
		collectRefs(c, refs)
	}
}

// finish writes the superblock and makes the image as long as a page of
// memory can map.
func (z *writer) finish(ctx context.Context, m *metadata, s *super) (int64, error) {
	s.size = uint64(z.pos)
	if s.xattrs == noTable {
		s.flags |= flagNoXattrs
	}
	if err := z.sink.Write(z.superblock(m, s), 0); err != nil {
		return 0, err
	}
	return z.sink.Finish(ctx, z.pos, 4096)
}

func (z *writer) superblock(m *metadata, s *super) []byte {
	b := append(le{}, "hsqs"...).u32(m.count).u32(fsimage.Unix32(z.opts.Time)).u32(uint32(z.opts.BlockSize))
	b = b.u32(uint32(len(z.entries))).u16(z.opts.compressorID()).u16(uint16(bits.TrailingZeros(uint(z.opts.BlockSize))))
	b = b.u16(s.flags).u16(s.owners).u16(4).u16(0).u64(s.root).u64(s.size)
	return b.u64(s.ids).u64(s.xattrs).u64(s.inodes).u64(s.names).u64(s.fragments).u64(s.exported)
}
