package erofs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// packer makes packs of the format.
type packer struct {
	opts    Options
	pipe    *fsimage.Pipeline[*job]
	buffers *fsimage.Buffers

	// What the committing side knows.
	data  io.Writer
	block uint32 // the next one of the data
	table *fsimage.RecordWriter
	zeros []extent // of a whole segment of zeros, once there is one
}

type digest = [sha256.Size]byte

// job is one segment of the content of a file.
type job struct {
	file *stored
	raw  []byte
	zero bool // all of raw is zeros
	last bool // the end of the file
	seg  segment
}

// NewPacker returns a packer that writes to data and table. All that is in
// data are whole blocks; what goes beside an inode is in its record.
func NewPacker(data, table io.Writer, opts Options) *fsimage.Packer {
	p := &packer{opts: opts, data: data, table: fsimage.NewRecordWriter(table)}
	if err := p.opts.complete(); err != nil {
		return fsimage.NewPacker(format, err, nil, nil)
	}
	p.buffers = fsimage.NewBuffers(p.opts.segmentSize(), p.opts.Workers)
	p.pipe = fsimage.NewPipeline(p.opts.Workers, p.startWorker, p.commit)
	return fsimage.NewPacker(format, nil, p.add, p.end)
}

// add hands in a file segment by segment.
func (p *packer) add(ctx context.Context, size int64, c *fsimage.Content) error {
	f, sum := &stored{size: size}, sha256.New()
	for c.Left() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := p.buffers.Get()
		b = b[:min(c.Left(), int64(len(b)))]
		if err := c.Fill(b); err != nil {
			return err
		}
		j := &job{file: f, raw: b, last: c.Left() == 0}
		j.zero = size >= int64(p.opts.segmentSize()) && fsimage.IsZero(b)
		sumSegment(sum, j)
		if j.last {
			f.sum = digest(sum.Sum(nil))
		}
		if err := p.pipe.Submit(j); err != nil {
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

// startWorker returns the function that compresses segments.
func (p *packer) startWorker() func(*job) error {
	c, err := p.opts.cutter()
	return func(j *job) error {
		if err == nil && !p.left(j) {
			j.seg.blocks = p.buffers.Get()[:0]
			c.cut(&j.seg, j.raw, j.last)
		}
		return err
	}
}

// left tells whether a segment is left out: zeros that fill one.
func (p *packer) left(j *job) bool { return j.zero && len(j.raw) == p.opts.segmentSize() }

// commit writes a segment after those before it.
func (p *packer) commit(j *job) error {
	f := j.file
	if len(f.extents) == 0 {
		f.start = p.block
	}
	f.holes, f.data = f.holes || j.zero, f.data || !j.zero
	if err := p.commitSegment(j); err != nil {
		return err
	}
	p.buffers.Put(j.raw)
	p.buffers.Put(j.seg.blocks)
	if !j.last {
		return nil
	}
	return p.table.Write(f.record())
}

func (p *packer) commitSegment(j *job) error {
	f := j.file
	if p.left(j) {
		zeros, err := p.zeroExtents()
		f.extents = append(f.extents, zeros...)
		return err
	}
	for _, e := range j.seg.extents {
		e.at += f.blocks
		f.extents = append(f.extents, e)
	}
	f.tail = j.seg.tail
	blocks := uint32(len(j.seg.blocks) / blockSize)
	f.blocks += blocks
	p.block += blocks
	if blocks == 0 {
		return nil
	}
	_, err := p.data.Write(j.seg.blocks)
	return err
}

// zeroExtents are those of a whole segment of zeros. The writer of an image
// knows the blocks that belong to them.
func (p *packer) zeroExtents() ([]extent, error) {
	if p.zeros != nil {
		return p.zeros, nil
	}
	s, err := p.opts.zeroSegment()
	if err == nil {
		p.zeros = s.extents
	}
	return p.zeros, err
}

func (p *packer) end() error {
	if err := p.pipe.Close(); err != nil {
		return err
	}
	return p.table.Flush()
}
