package squashfs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// job is one block of content, or the end of a file of blocks.
type job struct {
	raw, packed []byte
	stored      uint32   // size as the format tells it, with rawBit
	content     *content // nil for a block of fragments
	end         *inode   // set at the end of a file
	sum         digest
}

// rawBit in the size of a block says that it is not compressed.
const rawBit = 1 << 24

type fragmentEntry struct {
	start int64
	size  uint32
}

func (z *Writer) block() []byte {
	select {
	case b := <-z.free:
		return b[:0]
	default:
		return make([]byte, 0, z.opts.BlockSize)
	}
}

func (z *Writer) release(b []byte) {
	if cap(b) < z.opts.BlockSize {
		return
	}
	select {
	case z.free <- b:
	default:
	}
}

// addSmall puts a file that is smaller than a block into a fragment.
func (z *Writer) addSmall(ctx context.Context, i *inode, r *fsimage.Content) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(z.fragment)+int(i.Size) > z.opts.BlockSize {
		if err := z.flushFragment(); err != nil {
			return err
		}
	}
	if z.fragment == nil {
		z.fragment = z.block()
	}
	at := len(z.fragment)
	data := z.fragment[at : at+int(i.Size)]
	if err := r.Fill(data); err != nil || len(data) == 0 {
		return err
	}
	sum := sha256.Sum256(data)
	if same := z.small[sum]; same != nil {
		i.Data.content = same
		return nil
	}
	i.Data.content.fragment, i.Data.content.offset = uint32(z.fragments), uint32(at)
	z.small[sum] = i.Data.content
	z.fragment = z.fragment[:at+len(data)]
	return nil
}

func (z *Writer) flushFragment() error {
	if len(z.fragment) == 0 {
		return nil
	}
	b := z.fragment
	z.fragment = nil
	z.fragments++
	return z.pipe.Submit(&job{raw: b})
}

// addLarge hands in a file block by block.
func (z *Writer) addLarge(ctx context.Context, i *inode, r *fsimage.Content) error {
	sum := sha256.New()
	for r.Left() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := z.block()[:min(r.Left(), int64(z.opts.BlockSize))]
		if err := r.Fill(b); err != nil {
			return err
		}
		if err := z.pipe.Submit(z.dataJob(i.Data.content, sum, b)); err != nil {
			return err
		}
	}
	return z.pipe.Submit(&job{content: i.Data.content, end: i, sum: digest(sum.Sum(nil))})
}

// dataJob leaves the content out where it is zeros.
func (z *Writer) dataJob(c *content, sum hash.Hash, b []byte) *job {
	if !fsimage.IsZero(b) {
		sum.Write([]byte{1})
		sum.Write(b)
		return &job{content: c, raw: b}
	}
	fmt.Fprintf(sum, "\x00%d;", len(b))
	c.sparse += int64(len(b))
	z.release(b)
	return &job{content: c}
}

// startWorker returns the function that compresses blocks.
func (z *Writer) startWorker() func(*job) error {
	c, err := z.opts.compressor()
	return func(j *job) error {
		if err != nil || j.raw == nil {
			return err
		}
		packed, err := c.compress(z.block(), j.raw)
		j.packed, j.stored = packed, uint32(len(packed))
		if len(packed) >= len(j.raw) {
			z.release(packed)
			j.packed, j.stored = j.raw, uint32(len(j.raw))|rawBit
		}
		return err
	}
}

// commit writes a block after those before it.
func (z *Writer) commit(j *job) error {
	switch {
	case j.end != nil:
		z.commitEnd(j)
		return nil
	case j.content == nil:
		z.entries = append(z.entries, fragmentEntry{z.pos, j.stored})
	default:
		if len(j.content.sizes) == 0 {
			j.content.start = z.pos
		}
		j.content.sizes = append(j.content.sizes, j.stored)
	}
	if err := z.write(j.packed); err != nil {
		return err
	}
	if j.stored&rawBit == 0 {
		z.release(j.packed)
	}
	z.release(j.raw)
	return nil
}

// commitEnd takes a file back if its content is in the image already.
func (z *Writer) commitEnd(j *job) {
	if same := z.large[j.sum]; same != nil {
		z.pos = j.content.start
		j.end.Data.content = same
		return
	}
	z.large[j.sum] = j.content
}

func (z *Writer) write(b []byte) error {
	_, err := z.w.WriteAt(b, z.pos)
	z.pos += int64(len(b))
	z.high = max(z.high, z.pos)
	return err
}
