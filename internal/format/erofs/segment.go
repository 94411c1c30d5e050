package erofs

// extent is a part of a file that is stored by itself.
type extent struct {
	length int    // of the content
	blocks int    // how many it takes
	at     uint32 // the first one; in a segment relative to its start
	plain  bool   // stored as it is, in one block
	zero   bool   // of zeros that all files have in common
}

// segment is a part of a file after compression.
type segment struct {
	extents []extent
	blocks  []byte // whole ones, for the extents
	// tail is what goes beside the inode, of tailLength bytes of content. It
	// is the last extent.
	tail       []byte
	tailLength int
	tailPlain  bool
}

// tailMax is the largest piece that goes beside an inode: with it, it fits
// into a block.
const tailMax = blockSize - 96

// filler compresses what fits into a room.
type filler interface {
	fill(dst, src []byte) (consumed, size int)
}

// noCompression is a filler that never makes anything smaller.
type noCompression struct{}

func (noCompression) fill(dst, src []byte) (consumed, size int) {
	n := min(len(dst), len(src))
	return n, n
}

func (o *Options) filler() (filler, error) {
	switch o.Compression {
	case LZ4:
		return newLZ4(o.Level), nil
	case Zstd:
		return newZstd(o.Level)
	}
	return noCompression{}, nil
}

// packer turns content into segments.
type packer struct {
	filler
	room   []byte // for one cluster
	offset int    // of the content that comes next, in its segment
}

// pack compresses the content. If it is the last of its file, its end goes
// into the tail.
func (p *packer) pack(s *segment, src []byte, last bool) {
	for p.offset = 0; len(src) > 0; {
		n, size := p.fill(p.room, src)
		atEnd := last && n == len(src)
		switch {
		case atEnd && p.setTail(s, src, size):
			return
		case atEnd && size > blockSize && size%blockSize != 0:
			// Whole blocks first, the rest of the content in the next round.
			n, size = p.fill(p.room[:size/blockSize*blockSize], src)
		}
		if (size+blockSize-1)/blockSize*blockSize < n {
			p.add(s, p.room[:size], n, false)
		} else {
			n = p.plain(s, src, n, last)
		}
		src = src[n:]
	}
}

// setTail makes all of src the tail, if it is small enough.
func (p *packer) setTail(s *segment, src []byte, size int) bool {
	switch {
	case size <= tailMax && size+size/16 < len(src):
		s.tail = append([]byte(nil), p.room[:size]...)
	case len(src) <= tailMax && p.beyond(len(src)) == 0:
		s.tail, s.tailPlain = append([]byte(nil), src...), true
	default:
		return false
	}
	s.tailLength = len(src)
	return true
}

// beyond is how much of the next n bytes is not in the same block of content.
func (p *packer) beyond(n int) int { return max(p.offset%blockSize+n-blockSize, 0) }

// plain stores content in blocks as it is: n bytes or the last whole block of
// them, and of the last block of the segment what is there. It returns how
// much that is.
func (p *packer) plain(s *segment, src []byte, n int, last bool) int {
	n = max(n/blockSize*blockSize, min(len(src), blockSize))
	for at := 0; at < n; {
		piece := src[at:min(at+blockSize, n)]
		if last && at+len(piece) == len(src) {
			// The kernel takes the end of a file as it is only if it begins in
			// the last block of the content.
			piece = piece[:len(piece)-p.beyond(len(piece))]
			if at+len(piece) == len(src) && p.setTail(s, piece, blockSize) {
				break
			}
		}
		p.add(s, piece, len(piece), true)
		at += len(piece)
	}
	return n
}

// add puts data into whole blocks: at their end if it is compressed, with
// zeros before it.
func (p *packer) add(s *segment, data []byte, content int, plain bool) {
	blocks := (len(data) + blockSize - 1) / blockSize
	pad := make([]byte, blocks*blockSize-len(data))
	s.extents = append(s.extents, extent{length: content, blocks: blocks, at: uint32(len(s.blocks) / blockSize), plain: plain})
	if plain {
		s.blocks = append(append(s.blocks, data...), pad...)
	} else {
		s.blocks = append(append(s.blocks, pad...), data...)
	}
	p.offset += content
}
