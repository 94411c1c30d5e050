package squashfs

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

	// What the caller's side knows.
	open  []byte // small files that are not yet a block
	block *fragment
	small map[digest]place

	// What the committing side knows.
	data    io.Writer
	pos     int64
	table   *fsimage.RecordWriter
	waiting []*stored // files whose record is not written
}

type digest = [sha256.Size]byte

// place is where a small file is.
type place struct {
	block  *fragment
	offset uint32
}

// fragment is a block of small files.
type fragment struct {
	start int64
	size  uint32 // as the format tells it, with rawBit; 0 until it is written
}

// job is one block of content, or the end of a file.
type job struct {
	raw, packed []byte
	size        uint32    // as the format tells it, with rawBit
	block       *fragment // for a block of small files
	file        *stored   // for all others
	end         bool
}

// rawBit in the size of a block says that it is not compressed.
const rawBit = 1 << 24

// NewPacker returns a packer that writes to data and table. A file of a block
// and more is a row of blocks there, without those of zeros; smaller ones
// share blocks, none of which goes beyond the pack.
func NewPacker(data, table io.Writer, opts Options) *fsimage.Packer {
	p := &packer{opts: opts, small: map[digest]place{}, data: data, table: fsimage.NewRecordWriter(table)}
	if err := p.opts.complete(); err != nil {
		return fsimage.NewPacker(format, err, nil, nil)
	}
	p.buffers = fsimage.NewBuffers(p.opts.BlockSize, p.opts.Workers)
	p.pipe = fsimage.NewPipeline(p.opts.Workers, p.startWorker, p.commit)
	return fsimage.NewPacker(format, nil, p.add, p.end)
}

func (p *packer) add(ctx context.Context, size int64, r *fsimage.Content) error {
	if size < int64(p.opts.BlockSize) {
		return p.addSmall(ctx, size, r)
	}
	return p.addLarge(ctx, size, r)
}

// addSmall puts a file that is smaller than a block together with others.
func (p *packer) addSmall(ctx context.Context, size int64, r *fsimage.Content) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.open)+int(size) > p.opts.BlockSize {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.open == nil {
		p.open, p.block = p.buffers.Get()[:0], &fragment{}
	}
	at := len(p.open)
	data := p.open[at : at+int(size)]
	if err := r.Fill(data); err != nil {
		return err
	}
	// What is summed of a large file never begins with a two, see dataJob.
	sum := sha256.Sum256(append([]byte{2}, data...))
	where, ok := p.small[sum]
	if !ok {
		where = place{p.block, uint32(at)}
		p.small[sum] = where
		p.open = p.open[:at+len(data)]
	}
	return p.pipe.Submit(&job{file: &stored{size: size, sum: sum, place: where}, end: true})
}

func (p *packer) flush() error {
	if len(p.open) == 0 {
		return nil
	}
	j := &job{raw: p.open, block: p.block}
	p.open, p.block = nil, nil
	return p.pipe.Submit(j)
}

// addLarge hands in a file block by block.
func (p *packer) addLarge(ctx context.Context, size int64, r *fsimage.Content) error {
	sum, file := sha256.New(), &stored{size: size}
	for r.Left() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := p.buffers.Get()[:min(r.Left(), int64(p.opts.BlockSize))]
		if err := r.Fill(b); err != nil {
			return err
		}
		j := p.dataJob(file, sum, b)
		if j.end = r.Left() == 0; j.end {
			file.sum = digest(sum.Sum(nil))
		}
		if err := p.pipe.Submit(j); err != nil {
			return err
		}
	}
	return nil
}

// dataJob leaves the content out where it is zeros.
func (p *packer) dataJob(file *stored, sum hash.Hash, b []byte) *job {
	if !fsimage.IsZero(b) {
		sum.Write([]byte{1})
		sum.Write(b)
		return &job{file: file, raw: b}
	}
	fmt.Fprintf(sum, "\x00%d;", len(b))
	file.sparse += int64(len(b))
	p.buffers.Put(b)
	return &job{file: file}
}

// startWorker returns the function that compresses blocks. A worker that has
// none takes no memory.
func (p *packer) startWorker() func(*job) error {
	var c compressor
	return func(j *job) (err error) {
		if j.raw == nil {
			return nil
		}
		if c == nil {
			if c, err = p.opts.compressor(); err != nil {
				return err
			}
		}
		return p.compress(c, j)
	}
}

func (p *packer) compress(c compressor, j *job) error {
	packed, err := c.compress(p.buffers.Get()[:0], j.raw)
	j.packed, j.size = packed, uint32(len(packed))
	if len(packed) >= len(j.raw) {
		p.buffers.Put(packed)
		j.packed, j.size = j.raw, uint32(len(j.raw))|rawBit
	}
	return err
}

// commit writes a block after those before it.
func (p *packer) commit(j *job) error {
	switch f := j.file; {
	case f == nil:
		j.block.start, j.block.size = p.pos, j.size
	case f.place.block == nil:
		if len(f.sizes) == 0 {
			f.start = p.pos
		}
		f.sizes = append(f.sizes, j.size)
	}
	if j.end {
		p.waiting = append(p.waiting, j.file)
	}
	if err := p.write(j); err != nil {
		return err
	}
	return p.writeRecords()
}

func (p *packer) write(j *job) error {
	if j.raw == nil {
		return nil
	}
	n, err := p.data.Write(j.packed)
	p.pos += int64(n)
	if j.size&rawBit == 0 {
		p.buffers.Put(j.packed)
	}
	p.buffers.Put(j.raw)
	return err
}

// writeRecords writes the records that are known: the block of a small file is
// written after files that came later.
func (p *packer) writeRecords() error {
	for len(p.waiting) > 0 && p.waiting[0].known() {
		if err := p.table.Write(p.waiting[0].record()); err != nil {
			return err
		}
		p.waiting = p.waiting[1:]
	}
	return nil
}

func (p *packer) end() error {
	p.flush() // its error is that of the pipeline
	if err := p.pipe.Close(); err != nil {
		return err
	}
	return p.table.Flush()
}
