package erofs

import (
	"encoding/binary"
	"math/bits"
)

// Rules of the format of LZ4 blocks.
const (
	lz4MinMatch    = 4
	lz4Window      = 65535
	lz4LastLiteral = 5  // a block ends with as many literals
	lz4LastMatch   = 12 // no match begins closer to the end
	// lz4Reserve is what the last literals need after a match, such that
	// both rules hold for the shortest match: a token and eight literals.
	lz4Reserve = 9
)

const (
	lz4HashBits = 15
	// lz4Good is a length with which the search is content.
	lz4Good = 256
)

// lz4Compressor makes blocks of LZ4 with chains of positions of equal hash and
// one step of look-ahead.
type lz4Compressor struct {
	depth int
	head  [1 << lz4HashBits]int32 // position + 1 of the latest of a hash
	chain [lz4Window + 1]uint16   // distance to the one before
	next  int                     // first position that is not in the chains
}

type lz4Match struct{ at, from, length int }

func newLZ4(level int) *lz4Compressor { return &lz4Compressor{depth: 1 << (level - 1)} }

func lz4Hash(src []byte, at int) uint32 {
	return binary.LittleEndian.Uint32(src[at:]) * 2654435761 >> (32 - lz4HashBits)
}

// fill compresses as much from the start of src as fits into dst and returns
// how much that is, and its length in dst.
func (c *lz4Compressor) fill(dst, src []byte) (consumed, size int) {
	clear(c.head[:])
	c.next = 0
	anchor, out := 0, 0
	for at := 0; at <= len(src)-lz4LastMatch && out+at-anchor < len(dst); {
		m := c.find(src, at)
		if m.length == 0 {
			at++
			continue
		}
		m = c.better(src, m)
		next := lz4Sequence(dst[out:], src[anchor:m.at], m)
		if next == 0 {
			break
		}
		out += next
		at = m.at + m.length
		anchor = at
	}
	n := lz4LiteralsThatFit(len(dst)-out, len(src)-anchor)
	return anchor + n, out + lz4Literals(dst[out:], src[anchor:anchor+n])
}

// better prefers a longer match that begins one byte later.
func (c *lz4Compressor) better(src []byte, m lz4Match) lz4Match {
	for m.length < lz4Good && m.at+1 <= len(src)-lz4LastMatch {
		later := c.find(src, m.at+1)
		if later.length <= m.length {
			return m
		}
		m = later
	}
	return m
}

// insert puts the positions up to at into the chains.
func (c *lz4Compressor) insert(src []byte, at int) {
	for ; c.next < at; c.next++ {
		h := lz4Hash(src, c.next)
		distance := c.next + 1 - int(c.head[h])
		if c.head[h] == 0 || distance > lz4Window {
			distance = 0
		}
		c.chain[c.next&lz4Window] = uint16(distance)
		c.head[h] = int32(c.next + 1)
	}
}

// find returns the longest match for the content at a position.
func (c *lz4Compressor) find(src []byte, at int) lz4Match {
	c.insert(src, at)
	best := lz4Match{at: at}
	limit := len(src) - lz4LastLiteral
	from := int(c.head[lz4Hash(src, at)]) - 1
	for range c.depth {
		if from < 0 || at-from > lz4Window {
			break
		}
		if src[from+best.length] == src[at+best.length] {
			if n := lz4Common(src, from, at, limit); n > best.length && n >= lz4MinMatch {
				best.from, best.length = from, n
				if n >= lz4Good || at+n >= limit {
					break
				}
			}
		}
		step := int(c.chain[from&lz4Window])
		if step == 0 {
			break
		}
		from -= step
	}
	return best
}

// lz4Common is how many bytes at two positions are equal, up to a limit.
func lz4Common(src []byte, from, at, limit int) int {
	n := 0
	for at+n+8 <= limit {
		x := binary.LittleEndian.Uint64(src[from+n:]) ^ binary.LittleEndian.Uint64(src[at+n:])
		if x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for at+n < limit && src[from+n] == src[at+n] {
		n++
	}
	return n
}

// lz4Extra is the number of bytes that a length takes beyond the token.
func lz4Extra(n int) int {
	if n < 15 {
		return 0
	}
	return (n-15)/255 + 1
}

// lz4Sequence writes literals and a match and returns their size, or 0 if
// they do not fit or nothing would after them.
func lz4Sequence(dst, literals []byte, m lz4Match) int {
	length := m.length - lz4MinMatch
	size := 1 + lz4Extra(len(literals)) + len(literals) + 2 + lz4Extra(length)
	if size+lz4Reserve > len(dst) {
		return 0
	}
	at := lz4Literals(dst, literals)
	dst[0] |= byte(min(length, 15))
	binary.LittleEndian.PutUint16(dst[at:], uint16(m.at-m.from))
	lz4Length(dst[at+2:], length)
	return size
}

// lz4Literals writes a token and literals.
func lz4Literals(dst, literals []byte) int {
	dst[0] = byte(min(len(literals), 15)) << 4
	at := 1 + lz4Length(dst[1:], len(literals))
	return at + copy(dst[at:], literals)
}

// lz4Length writes what a length has beyond the token.
func lz4Length(dst []byte, n int) int {
	extra := lz4Extra(n)
	for i := range extra {
		dst[i] = 255
	}
	if extra > 0 {
		dst[extra-1] = byte((n - 15) % 255)
	}
	return extra
}

// lz4LiteralsThatFit is how many literals of those there are go into a room.
func lz4LiteralsThatFit(room, n int) int {
	n = min(n, room-1)
	for n > 0 && 1+lz4Extra(n)+n > room {
		n--
	}
	return n
}
