package uki

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// maxStub is far more than a stub has.
const maxStub = 16 << 20

// page is the boundary on which sections begin in the file, so that file
// systems can share them.
const page = 4096

// Blob is a file that is read when the image is.
type Blob struct {
	Data io.ReaderAt
	Size int64 // bytes
}

func text(s string) Blob { return Blob{bytes.NewReader([]byte(s)), int64(len(s))} }

// Spec says what an image is made of. What is empty gets no section.
type Spec struct {
	Stub      Blob   // systemd-stub of the architecture; required, as is Linux
	Linux     Blob   // kernel with an EFI stub of its own
	Initrd    Blob   // what the kernel takes, archives one behind another included
	Microcode Blob   // an uncompressed initrd with updates for the processor
	Cmdline   string // of the kernel
	OSRelease string // the content of /etc/os-release
	Uname     string // version of the kernel
	DTB       Blob   // device tree
	Splash    Blob   // BMP to show
	// Checksum fills in the checksum of the PE header, for which all content
	// is read once more. Firmware does not look at it, and programs that sign
	// the image compute it.
	Checksum bool
}

// part is a section to add.
type part struct {
	name  string
	blob  Blob
	size  int64 // in memory
	flags uint32
}

// New lays out an image. Its content stays in the readers of s, all but the
// stub's. Errors wrap [ErrFormat], [ErrRoom], [ErrTooLarge], [ErrMachine] or
// are those of the readers.
func New(ctx context.Context, s Spec) (*disk.Image, error) {
	im, err := s.image(ctx)
	if err != nil {
		return nil, fmt.Errorf("make unified kernel image: %w", err)
	}
	return im, nil
}

func (s Spec) image(ctx context.Context) (*disk.Image, error) {
	b, err := s.readStub()
	if err != nil {
		return nil, fmt.Errorf("stub: %w", err)
	}
	linux, err := readHeader(s.Linux.Data, s.Linux.Size)
	if err != nil {
		return nil, fmt.Errorf("kernel: %w; it has to be built with CONFIG_EFI_STUB and not be compressed as a whole", err)
	}
	if linux.machine() != b.machine() {
		return nil, fmt.Errorf("%w: machine types are %#x and %#x", ErrMachine, b.machine(), linux.machine())
	}
	for _, p := range s.parts(linux.imageSize()) {
		if err := b.add(p); err != nil {
			return nil, fmt.Errorf("section %s: %w", p.name, err)
		}
	}
	return b.finish(ctx, s.Checksum)
}

// parts are the sections in the order that ukify has. The kernel is last: it
// may be given more memory than it has data.
func (s Spec) parts(linuxSize int64) []part {
	all := []part{
		{name: ".osrel", blob: text(s.OSRelease)},
		{name: ".cmdline", blob: text(s.Cmdline)},
		{name: ".dtb", blob: s.DTB},
		{name: ".uname", blob: text(s.Uname)},
		{name: ".splash", blob: s.Splash},
		{name: ".initrd", blob: s.Initrd},
		{name: ".ucode", blob: s.Microcode},
		{name: ".linux", blob: s.Linux, size: linuxSize, flags: flagCode},
	}
	var parts []part
	for _, p := range all {
		if p.blob.Size == 0 {
			continue
		}
		p.size = max(p.size, p.blob.Size)
		if p.flags == 0 {
			p.flags = flagData
		}
		parts = append(parts, p)
	}
	return parts
}

// image is an image in the making.
type image struct {
	*header
	sections []Section
	extents  []disk.Extent
	offset   int64 // in the file, where the next section goes
	address  int64 // in memory
}

// readStub reads the whole stub.
func (s Spec) readStub() (*image, error) {
	if s.Stub.Size > maxStub {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrFormat, s.Stub.Size)
	}
	if s.Stub.Data == nil || s.Linux.Data == nil {
		return nil, errors.New("a stub and a kernel are required")
	}
	h, err := readHeader(s.Stub.Data, s.Stub.Size)
	if err != nil {
		return nil, err
	}
	if h.signed() {
		return nil, errors.New("it is signed, which adding sections would make void: use the unsigned one")
	}
	b := &image{header: h}
	if b.sections, err = h.sections(s.Stub.Size); err != nil {
		return nil, err
	}
	return b, b.readBody(s.Stub)
}

// readBody keeps what the sections of the stub hold, and drops symbols behind them.
func (b *image) readBody(stub Blob) error {
	end, align := int64(len(b.data)), b.alignment()
	for _, s := range b.sections {
		if s.RawSize > 0 {
			end = max(end, s.Offset+s.RawSize)
		}
		b.address = max(b.address, disk.Up(s.Address+s.Size, align))
	}
	body := make([]byte, disk.Up(end, b.fileAlignment())-int64(len(b.data)))
	if err := readAt(stub.Data, body[:end-int64(len(b.data))], int64(len(b.data)), stub.Size); err != nil {
		return err
	}
	clear(b.data[b.coff+offSymbols : b.coff+offOptional])
	b.offset = int64(len(b.data) + len(body))
	b.extents = []disk.Extent{disk.Bytes(int64(len(b.data)), body)}
	return nil
}

// add appends a section.
func (b *image) add(p part) error {
	if len(b.sections) >= b.room() {
		return ErrRoom
	}
	for _, s := range b.sections {
		if s.Name == p.name {
			return fmt.Errorf("%w: the stub has such a section already", ErrFormat)
		}
	}
	end := disk.Up(b.offset+p.blob.Size, max(page, b.fileAlignment()))
	s := Section{Name: p.name, Offset: b.offset, RawSize: end - b.offset, Address: b.address, Size: p.size, Flags: p.flags | flagRead}
	next := disk.Up(s.Address+s.Size, b.alignment())
	if p.blob.Size < 0 || end > math.MaxUint32 || next > math.MaxUint32 {
		return ErrTooLarge
	}
	b.sections = append(b.sections, s)
	b.extents = append(b.extents, disk.Extent{Offset: s.Offset, Length: p.blob.Size, Data: p.blob.Data})
	b.offset, b.address = end, next
	initialized := le.Uint32(b.opt(offInitData))
	le.PutUint32(b.opt(offInitData), initialized+uint32(s.Size))
	return nil
}

// finish writes the headers.
func (b *image) finish(ctx context.Context, sum bool) (*disk.Image, error) {
	for i := range b.sections {
		b.sections[i].encode(b.data[b.table+i*sectionSize:])
	}
	le.PutUint16(b.data[b.coff+offSections:], uint16(len(b.sections)))
	le.PutUint32(b.opt(offImageSize), uint32(b.address))
	le.PutUint32(b.opt(offChecksum), 0)
	im, err := disk.New(b.offset, append(b.extents, disk.Bytes(0, b.data))...)
	if err != nil || !sum {
		return im, err
	}
	// The extent shares b.data, so that the image changes as well.
	c, err := checksum(ctx, im)
	le.PutUint32(b.opt(offChecksum), c)
	return im, err
}
