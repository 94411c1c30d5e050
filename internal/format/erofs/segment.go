package erofs

import "slices"

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
	tail    tail
}

// tail is what goes beside the inode. It is the last extent.
type tail struct {
	data   []byte
	length int // of the content
	plain  bool
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

// cutter turns content into segments.
type cutter struct {
	filler
	room   []byte // for one cluster
	offset int    // of the content that comes next, in its segment
}

func (o *Options) cutter() (*cutter, error) {
	f, err := o.filler()
	return &cutter{filler: f, room: make([]byte, o.ClusterSize)}, err
}

// zeroSegment is a whole segment of zeros.
func (o *Options) zeroSegment() (*segment, error) {
	c, err := o.cutter()
	if err != nil {
		return nil, err
	}
	s := &segment{}
	c.cut(s, make([]byte, o.segmentSize()), false)
	for i := range s.extents {
		s.extents[i].zero = true
	}
	return s, nil
}

// cut compresses the content. If it is the last of its file, its end goes
// into the tail.
func (c *cutter) cut(s *segment, src []byte, last bool) {
	for c.offset = 0; len(src) > 0; {
		n, size := c.fill(c.room, src)
		atEnd := last && n == len(src)
		switch {
		case atEnd && c.setTail(s, src, size):
			return
		case atEnd && size > blockSize && size%blockSize != 0:
			// Whole blocks first, the rest of the content in the next round.
			n, size = c.fill(c.room[:size/blockSize*blockSize], src)
		}
		if (size+blockSize-1)/blockSize*blockSize < n {
			c.add(s, c.room[:size], n, false)
		} else {
			n = c.plain(s, src, n, last)
		}
		src = src[n:]
	}
}

// setTail makes all of src the tail, if it is small enough.
func (c *cutter) setTail(s *segment, src []byte, size int) bool {
	switch {
	case size <= tailMax && size+size/16 < len(src):
		s.tail = tail{data: slices.Clone(c.room[:size]), length: len(src)}
	case len(src) <= tailMax && c.beyond(len(src)) == 0:
		s.tail = tail{slices.Clone(src), len(src), true}
	default:
		return false
	}
	return true
}

// beyond is how much of the next n bytes is not in the same block of content.
func (c *cutter) beyond(n int) int { return max(c.offset%blockSize+n-blockSize, 0) }

// plain stores content in blocks as it is: n bytes or the last whole block of
// them, and of the last block of the segment what is there. It returns how
// much that is.
func (c *cutter) plain(s *segment, src []byte, n int, last bool) int {
	n = max(n/blockSize*blockSize, min(len(src), blockSize))
	for at := 0; at < n; {
		piece := src[at:min(at+blockSize, n)]
		if last && at+len(piece) == len(src) {
			// The kernel takes the end of a file as it is only if it begins in
			// the last block of the content.
			piece = piece[:len(piece)-c.beyond(len(piece))]
			if at+len(piece) == len(src) && c.setTail(s, piece, blockSize) {
				break
			}
		}
		c.add(s, piece, len(piece), true)
		at += len(piece)
	}
	return n
}

// add puts data into whole blocks: at their end if it is compressed, with
// zeros before it.
func (c *cutter) add(s *segment, data []byte, content int, plain bool) {
	blocks := (len(data) + blockSize - 1) / blockSize
	pad := make([]byte, blocks*blockSize-len(data))
	s.extents = append(s.extents, extent{length: content, blocks: blocks, at: uint32(len(s.blocks) / blockSize), plain: plain})
	if plain {
		s.blocks = append(append(s.blocks, data...), pad...)
	} else {
		s.blocks = append(append(s.blocks, pad...), data...)
	}
	c.offset += content
}
