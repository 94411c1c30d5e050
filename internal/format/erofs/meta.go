package erofs

import "encoding/binary"

// slotSize is the unit of the places of inodes.
const slotSize = 32

// runMax is the length from which on a run of inodes is written.
const runMax = 1 << 20

// metaRun collects inodes until they are written together, between the
// content of files, so that they are close to each other.
type metaRun struct {
	data    []byte
	gaps    []gap
	pending []pendingInode
}

// gap is room that was left at the end of a block.
type gap struct{ at, length int }

// gapsMax is how many gaps are kept in mind.
const gapsMax = 16

type pendingInode struct {
	inode *inode
	at    int
}

// add finds a place for an inode with what belongs to it, where the last tail
// bytes may not cross the end of a block. What is smaller than a block does
// not cross one at all.
func (m *metaRun) add(i *inode, record []byte, tail int) {
	for len(record)%slotSize != 0 {
		record = append(record, 0)
	}
	at := m.place(len(record), tail)
	copy(m.data[at:], record)
	m.pending = append(m.pending, pendingInode{i, at})
}

func (m *metaRun) place(length, tail int) int {
	if at, ok := m.fillGap(length); ok {
		return at
	}
	at := len(m.data)
	for !fits(at, length, tail) {
		at += slotSize
	}
	// A gap of two blocks is two.
	end := min((len(m.data)+blockSize-1)/blockSize*blockSize, at)
	m.keep(gap{len(m.data), end - len(m.data)})
	m.keep(gap{end, at - end})
	m.data = append(m.data, make([]byte, at+length-len(m.data))...)
	return at
}

// fits tells whether a record may begin at a place. Where its tail begins is
// not exactly known here for the bytes that fill the last slot.
func fits(at, length, tail int) bool {
	if length <= blockSize {
		return at%blockSize+length <= blockSize
	}
	end := at + length
	return tail == 0 || (end-1)/blockSize == (end-min(tail+slotSize, blockSize))/blockSize
}

func (m *metaRun) keep(g gap) {
	if g.length > 0 {
		m.gaps = append(m.gaps, g)
	}
	if len(m.gaps) > gapsMax {
		m.gaps = m.gaps[1:]
	}
}

func (m *metaRun) fillGap(length int) (int, bool) {
	for n := range m.gaps {
		g := &m.gaps[n]
		if g.length >= length {
			at := g.at
			g.at, g.length = g.at+length, g.length-length
			return at, true
		}
	}
	return 0, false
}

// addInode puts an inode into the run and writes the run if it is long enough.
func (z *writer) addInode(i *inode, record []byte, tail int) error {
	z.identity.Write(record)
	z.meta.add(i, record, tail)
	if len(z.meta.data) < runMax {
		return nil
	}
	return z.flushMeta()
}

func (z *writer) flushMeta() error {
	blocks := (len(z.meta.data) + blockSize - 1) / blockSize
	data := append(z.meta.data, make([]byte, blocks*blockSize-len(z.meta.data))...)
	at := z.allot(blocks)
	for _, p := range z.meta.pending {
		p.inode.Data.nid = (uint64(at)*blockSize + uint64(p.at)) / slotSize
	}
	z.meta = metaRun{data: data[:0], gaps: z.meta.gaps[:0], pending: z.meta.pending[:0]}
	return z.writeAt(data, at)
}

// le appends numbers in the byte order of the format.
type le []byte

func (b le) u8(v uint8) le   { return append(b, v) }
func (b le) u16(v uint16) le { return binary.LittleEndian.AppendUint16(b, v) }
func (b le) u32(v uint32) le { return binary.LittleEndian.AppendUint32(b, v) }
func (b le) u64(v uint64) le { return binary.LittleEndian.AppendUint64(b, v) }
func (b le) align(n int) le  { return append(b, make([]byte, (n-len(b)%n)%n)...) }
