package squashfs

import "encoding/binary"

// metaSize is what a block of a table has before compression.
const metaSize = 8 << 10

// metaRaw in the header of a block of a table says that it is not compressed.
const metaRaw = 1 << 15

// table is a stream of bytes in compressed blocks with a header each.
type table struct {
	c      compressor
	raw    []byte
	blocks []byte   // finished ones
	starts []uint64 // where they are in blocks
	err    error
}

// position is where the next byte goes: the start of its block and the offset
// in it.
func (t *table) position() (block uint32, offset uint16) {
	return uint32(len(t.blocks)), uint16(len(t.raw))
}

// reference is the position in one number.
func (t *table) reference() uint64 {
	block, offset := t.position()
	return uint64(block)<<16 | uint64(offset)
}

func (t *table) write(p []byte) {
	for len(p) > 0 {
		n := min(metaSize-len(t.raw), len(p))
		t.raw = append(t.raw, p[:n]...)
		p = p[n:]
		if len(t.raw) == metaSize {
			t.flush()
		}
	}
}

func (t *table) flush() {
	if len(t.raw) == 0 || t.err != nil {
		return
	}
	packed, err := t.c.compress(nil, t.raw)
	header := uint16(len(packed))
	if len(packed) >= len(t.raw) {
		packed, header = t.raw, uint16(len(t.raw))|metaRaw
	}
	t.starts = append(t.starts, uint64(len(t.blocks)))
	t.blocks = append(binary.LittleEndian.AppendUint16(t.blocks, header), packed...)
	t.raw, t.err = t.raw[:0], err
}

// le appends numbers in the byte order of the format.
type le []byte

func (b le) u16(v uint16) le { return binary.LittleEndian.AppendUint16(b, v) }
func (b le) u32(v uint32) le { return binary.LittleEndian.AppendUint32(b, v) }
func (b le) u64(v uint64) le { return binary.LittleEndian.AppendUint64(b, v) }
