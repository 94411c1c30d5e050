package erofs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// file is a file while its content comes in.
type file struct {
	inode   *inode
	start   int64 // where its first block is
	extents []extent
	tail    segment // only what it has of a tail
	holes   bool    // there are segments of zeros
	data    bool    // there are others
	private int     // blocks that are only for this file
}

// job is one segment of content, or a file without any.
type job struct {
	file *file
	raw  []byte // of a segment, nil at the end of a file
	zero bool   // all of raw is zeros
	last bool   // the end of the file
	sum  digest
	seg  segment
}

func (z *Writer) buffer() []byte {
	select {
	case b := <-z.free:
		return b
	default:
		return make([]byte, z.opts.segmentSize())
	}
}

func (z *Writer) release(b []byte) {
	if cap(b) < z.opts.segmentSize() {
		return
	}
	select {
	case z.free <- b[:z.opts.segmentSize()]:
	default:
	}
}

// addContent hands in a file segment by segment.
func (z *Writer) addContent(ctx context.Context, i *inode, c *fsimage.Content) error {
	f := &file{inode: i}
	sum := sha256.New()
	for first := true; first || c.Left() > 0; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := z.buffer()
		b = b[:min(c.Left(), int64(len(b)))]
		if err := c.Fill(b); err != nil {
			return err
		}
		j := &job{file: f, raw: b, last: c.Left() == 0}
		j.zero = i.Size >= int64(z.opts.segmentSize()) && fsimage.IsZero(b)
		sumSegment(sum, j)
		if j.last {
			j.sum = digest(sum.Sum(nil))
		}
		if err := z.pipe.Submit(j); err != nil {
			return err
		}
	}
	return nil
}

// sumSegment adds a segment to the sum of a file, zeros by their number.
func sumSegment(sum hash.Hash, j *job) {
	if j.zero {
		fmt.Fprintf(sum, "\x00%d;", len(j.raw))
		return
	}
	sum.Write([]byte{1})
	sum.Write(j.raw)
}

func (z *Writer) newPacker() (*packer, error) {
	f, err := z.opts.filler()
	return &packer{filler: f, room: make([]byte, z.opts.ClusterSize)}, err
}

// startWorker returns the function that compresses segments. Zeros that fill
// one are left out.
func (z *Writer) startWorker() func(*job) error {
	p, err := z.newPacker()
	return func(j *job) error {
		if err != nil {
			return err
		}
		if len(j.raw) > 0 && !(j.zero && len(j.raw) == z.opts.segmentSize()) {
			j.seg.blocks = z.buffer()[:0]
			p.pack(&j.seg, j.raw, j.last)
		}
		return nil
	}
}

// commit writes a segment after those before it.
func (z *Writer) commit(j *job) error {
	f := j.file
	if len(f.extents) == 0 {
		f.start = z.pos
	}
	f.holes, f.data = f.holes || j.zero, f.data || !j.zero
	if err := z.commitSegment(j); err != nil {
		return err
	}
	z.release(j.raw)
	z.release(j.seg.blocks)
	if !j.last {
		return nil
	}
	if err := z.settleTail(f); err != nil {
		return err
	}
	z.share(j)
	return z.writeFile(f)
}

func (z *Writer) commitSegment(j *job) error {
	f := j.file
	if j.zero && len(j.raw) == z.opts.segmentSize() {
		return z.commitZeros(f)
	}
	at := z.allot(len(j.seg.blocks) / blockSize)
	f.append(&j.seg, at)
	f.tail = segment{tail: j.seg.tail, tailLength: j.seg.tailLength, tailPlain: j.seg.tailPlain}
	f.private += len(j.seg.blocks) / blockSize
	return z.writeAt(j.seg.blocks, at)
}

func (f *file) append(s *segment, at uint32) {
	for _, e := range s.extents {
		e.at += at
		f.extents = append(f.extents, e)
	}
}

// commitZeros adds a segment of zeros. Where it is stored comes at the end of
// the file, see placeZeros.
func (z *Writer) commitZeros(f *file) error {
	if z.zero == nil {
		p, err := z.newPacker()
		if err != nil {
			return err
		}
		z.zero = &segment{}
		p.pack(z.zero, make([]byte, z.opts.segmentSize()), false)
		for i := range z.zero.extents {
			z.zero.extents[i].zero = true
		}
	}
	f.append(z.zero, 0)
	return nil
}

// placeZeros writes the blocks that all compressed segments of zeros have in
// common before their first use.
func (z *Writer) placeZeros(f *file) error {
	if z.zeroAt == 0 {
		z.zeroAt = z.allot(len(z.zero.blocks) / blockSize)
		if err := z.writeAt(z.zero.blocks, z.zeroAt); err != nil {
			return err
		}
	}
	z.features |= featureDedupe
	for i := range f.extents {
		if f.extents[i].zero {
			f.extents[i].at += z.zeroAt
		}
	}
	return nil
}

// settleTail gives the tail a block where it cannot be beside the inode.
func (z *Writer) settleTail(f *file) error {
	t := &f.tail
	beside := inodeSize+xattrSize(f.inode.Xattrs)+len(t.tail) <= blockSize
	if !t.tailPlain || !(z.opts.Compression == None && f.holes || f.flat() && !beside) {
		return nil
	}
	at := z.allot(1)
	f.extents = append(f.extents, extent{length: t.tailLength, blocks: 1, at: at, plain: true})
	f.private++
	data := append(t.tail, make([]byte, blockSize-len(t.tail))...)
	f.tail = segment{}
	return z.writeAt(data, at)
}

// share takes the blocks of a file back if the same are in the image already.
func (z *Writer) share(j *job) {
	f := j.file
	z.identity.Write(j.sum[:])
	if f.private == 0 {
		return
	}
	at := uint32(f.start / blockSize)
	same, ok := z.known[j.sum]
	if !ok || same.blocks != uint32(f.private) {
		z.known[j.sum] = stored{at, uint32(f.private)}
		return
	}
	z.pos = f.start
	for i := range f.extents {
		if !f.extents[i].zero {
			f.extents[i].at += same.at - at
		}
	}
}

// flat tells whether all content is stored as it is in blocks that follow each
// other, but for the tail.
func (f *file) flat() bool {
	for i, e := range f.extents {
		if !e.plain || e.zero || e.at != f.extents[0].at+uint32(i) {
			return false
		}
	}
	return len(f.tail.tail) == 0 || f.tail.tailPlain
}
