// Package vhd turns disk images into Virtual Hard Disks as the specification
// of Microsoft (version 1.0, October 2006) defines them: fixed ones, which
// Azure takes, and dynamic ones with blocks of 2 MiB.
//
// The result is again a disk.Image, that can be streamed or written sparsely.
package vhd

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// MaxSize is the size in bytes of the largest disk: 2040 GiB.
const MaxSize = 2040 << 30

const (
	footerSize = 512
	headerSize = 1024
	block      = 2 << 20
	bitmap     = disk.Sector // tells which sectors of a block are used: all
	none       = 1<<64 - 1
	fixed      = 2
	dynamic    = 3
)

// Options are what else a disk says of itself.
type Options struct {
	Seed []byte    // its identifier is derived from it
	Time time.Time // of making; before 2000 (or zero) is the beginning of 2000
}

// Fixed returns the disk with a footer. As Azure wants it, the size must be
// whole MiB; the footer comes on top.
func Fixed(im *disk.Image, opts Options) (*disk.Image, error) {
	if err := check(im, disk.Align); err != nil {
		return nil, err
	}
	f := footer{size: im.Size, kind: fixed, data: none, opts: opts}
	return disk.New(im.Size+footerSize, append(im.Shift(0), disk.Bytes(im.Size, f.encode()))...)
}

// Dynamic returns a disk of which only blocks with data take room. The size
// must be whole sectors.
func Dynamic(im *disk.Image, opts Options) (*disk.Image, error) {
	if err := check(im, disk.Sector); err != nil {
		return nil, err
	}
	foot := footer{size: im.Size, kind: dynamic, data: footerSize, opts: opts}.encode()
	l := layout{entries: (im.Size + block - 1) / block, used: im.Blocks(block)}
	extents := []disk.Extent{
		disk.Bytes(0, foot),
		disk.Bytes(footerSize, l.header()),
		{Offset: footerSize + headerSize, Length: l.tableSize(), Data: disk.Records{Width: 4, Put: l.putEntry}},
		disk.Bytes(l.end(), foot),
	}
	return disk.New(l.end()+footerSize, append(extents, l.blocks(im)...)...)
}

// check refuses images that cannot be disks whose size is a multiple of unit.
func check(im *disk.Image, unit int64) error {
	if im.Size%unit != 0 || im.Size <= 0 || im.Size > MaxSize {
		return fmt.Errorf("make VHD: size of %d bytes: must be a multiple of %d, at most %d; %d would do", im.Size, unit, int64(MaxSize), min(max(unit, disk.Up(im.Size, unit)), MaxSize))
	}
	if err := im.Check(); err != nil {
		return fmt.Errorf("make VHD: %w", err)
	}
	return nil
}

// footer is the last sector of all kinds.
type footer struct {
	size int64
	kind uint32
	data uint64 // where the header of dynamic disks is
	opts Options
}

// encode returns the footer. The program that made it is given as Windows, as
// others then take the size for the truth rather than the geometry.
func (f footer) encode() []byte {
	be := binary.BigEndian
	b := make([]byte, footerSize)
	copy(b, "conectix")
	be.PutUint32(b[8:], 2) // a bit that is always set
	be.PutUint32(b[12:], 0x10000)
	be.PutUint64(b[16:], f.data)
	be.PutUint32(b[24:], f.opts.stamp())
	copy(b[28:], "win \x00\x06\x00\x03Wi2k")
	be.PutUint64(b[40:], uint64(f.size))
	be.PutUint64(b[48:], uint64(f.size))
	cylinders, heads, sectors := geometry(f.size / disk.Sector)
	be.PutUint16(b[56:], uint16(cylinders))
	b[58], b[59] = byte(heads), byte(sectors)
	be.PutUint32(b[60:], f.kind)
	id := f.opts.id()
	copy(b[68:], id[:])
	be.PutUint32(b[64:], checksum(b))
	return b
}

// stamp returns the seconds since the beginning of 2000.
func (o Options) stamp() uint32 {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return uint32(min(max(0, o.Time.Unix()-start.Unix()), 1<<32-1))
}

// id returns the identifier, a UUID of version 8.
func (o Options) id() [16]byte {
	sum := sha256.Sum256(append([]byte("vhd "), o.Seed...))
	id := [16]byte(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// checksum returns the complement of the sum of all bytes.
func checksum(b []byte) uint32 {
	var sum uint32
	for _, c := range b {
		sum += uint32(c)
	}
	return ^sum
}

// geometry returns cylinders, heads and sectors by the appendix of the specification.
func geometry(total int64) (cylinders, heads, sectors int64) {
	total = min(total, 65535*16*255)
	if total >= 65535*16*63 {
		return total / 255 / 16, 16, 255
	}
	sectors = 17
	heads = max(4, (total/sectors+1023)/1024)
	if total/sectors >= heads*1024 || heads > 16 {
		sectors, heads = 31, 16
	}
	if total/sectors >= heads*1024 {
		sectors, heads = 63, 16
	}
	return total / sectors / heads, heads, sectors
}
