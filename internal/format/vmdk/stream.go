package vmdk

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// Kinds of markers ahead of what is no grain.
const (
	markEnd       = 0
	markTable     = 1
	markDirectory = 2
	markFooter    = 3
)

const (
	descriptorSectors = 20
	overhead          = 128       // sectors ahead of the first grain
	atEnd             = 1<<64 - 1 // the directory is where the footer says
)

var le = binary.LittleEndian

// stream writes the file and remembers where the grains are.
type stream struct {
	w         io.Writer
	sector    int64 // next one to write
	capacity  int64 // sectors of the disk
	directory []uint32
	table     []byte // of the grains since the last table
	number    int64  // of that table
}

func newStream(w io.Writer, size int64) *stream {
	tables := (size + grain*perTable - 1) / (grain * perTable)
	return &stream{w: w, capacity: size / disk.Sector, directory: make([]uint32, tables)}
}

// write writes b, filled up to whole sectors.
func (s *stream) write(b []byte) error {
	if pad := -len(b) & (disk.Sector - 1); pad > 0 {
		b = append(b, make([]byte, pad)...)
	}
	s.sector += int64(len(b)) / disk.Sector
	if s.sector*disk.Sector > maxFile {
		return errors.New("file grows beyond 2 TiB, more than its tables express")
	}
	_, err := s.w.Write(b)
	return err
}

// begin writes everything ahead of the grains.
func (s *stream) begin(opts Options) error {
	text := descriptor(s.capacity, opts)
	b := make([]byte, overhead*disk.Sector)
	copy(b, s.header(atEnd))
	copy(b[disk.Sector:], text)
	return s.write(b)
}

// header returns the header, which is the footer too.
func (s *stream) header(directory uint64) []byte {
	const flags = 1 | 1<<16 | 1<<17 // has newlines to test, compressed grains, markers
	b := make([]byte, disk.Sector)
	copy(b, "KDMV")
	le.PutUint32(b[4:], 3)
	le.PutUint32(b[8:], flags)
	le.PutUint64(b[12:], uint64(s.capacity))
	le.PutUint64(b[20:], grainSectors)
	le.PutUint64(b[28:], 1) // descriptor
	le.PutUint64(b[36:], descriptorSectors)
	le.PutUint32(b[44:], perTable)
	le.PutUint64(b[56:], directory)
	le.PutUint64(b[64:], overhead)
	copy(b[73:], "\n \r\n")
	le.PutUint16(b[77:], 1) // deflate
	return b
}

// grains writes compressed grains, which come in ascending order.
func (s *stream) grains(list []packed) error {
	for _, g := range list {
		if table := g.number / perTable; table != s.number {
			if err := s.flush(); err != nil {
				return err
			}
			s.number = table
		}
		if s.table == nil {
			s.table = make([]byte, perTable*4)
		}
		le.PutUint32(s.table[g.number%perTable*4:], uint32(s.sector))
		if err := s.write(g.data); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the grain table, if it has grains.
func (s *stream) flush() error {
	if s.table == nil {
		return nil
	}
	if err := s.mark(markTable, tableSectors); err != nil {
		return err
	}
	s.directory[s.number] = uint32(s.sector)
	err := s.write(s.table)
	s.table = nil
	return err
}

// mark writes a marker ahead of so many sectors.
func (s *stream) mark(kind uint32, sectors int64) error {
	b := make([]byte, disk.Sector)
	le.PutUint64(b, uint64(sectors))
	le.PutUint32(b[12:], kind)
	return s.write(b)
}

// end writes the last table, the directory and the footer.
func (s *stream) end() error {
	if err := s.flush(); err != nil {
		return err
	}
	b := make([]byte, disk.Up(int64(len(s.directory))*4, disk.Sector))
	for i, at := range s.directory {
		le.PutUint32(b[4*i:], at)
	}
	if err := s.mark(markDirectory, int64(len(b))/disk.Sector); err != nil {
		return err
	}
	directory := s.sector
	if err := s.write(b); err != nil {
		return err
	}
	if err := s.mark(markFooter, 1); err != nil {
		return err
	}
	if err := s.write(s.header(uint64(directory))); err != nil {
		return err
	}
	return s.mark(markEnd, 0)
}
