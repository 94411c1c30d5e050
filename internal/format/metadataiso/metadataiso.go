// Package metadataiso writes the small ISO 9660 image that hands user data to
// a guest.
//
// It owns one flat root directory of a few files, without Joliet or Rock
// Ridge, so that the names stay exactly as given, and nothing more: it is no
// general ISO writer. The image has no time of its own, so equal files make
// equal images.
package metadataiso

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	sectorSize = 2048
	volumeID   = "cidata" // what cloud-init's NoCloud source looks for
	maxName    = 30

	primarySector     = 16
	terminatorSector  = 17
	pathTableLESector = 18
	pathTableBESector = 19
	rootSector        = 20
	dataSector        = 21
)

// File is one file of the root directory.
type File struct {
	Name string // at most 30 bytes, no slash
	Data []byte
}

// UserData returns the files that carry data to a guest: "config" for the
// metadata package of LinuxKit, "user-data" and "meta-data" for whatever
// follows cloud-init's NoCloud layout, where the latter has to exist and may be
// empty. The names are in the order that ISO 9660 demands.
func UserData(data []byte) []File {
	return []File{{Name: "config", Data: data}, {Name: "meta-data"}, {Name: "user-data", Data: data}}
}

// Write writes an image that holds files, which the caller has sorted by name.
// Content that several files have is there once.
func Write(w io.Writer, files []File) error {
	root, sectors, err := rootDirectory(files)
	if err != nil {
		return err
	}
	head := make([]byte, dataSector*sectorSize)
	putPrimary(head[primarySector*sectorSize:], sectors)
	putTerminator(head[terminatorSector*sectorSize:])
	putPathTable(head[pathTableLESector*sectorSize:], binary.LittleEndian)
	putPathTable(head[pathTableBESector*sectorSize:], binary.BigEndian)
	copy(head[rootSector*sectorSize:], root)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("writing the metadata image: %w", err)
	}
	for i, f := range files {
		if sameAs(files, i) < i {
			continue
		}
		if err := writePadded(w, f.Data); err != nil {
			return fmt.Errorf("writing %s to the metadata image: %w", f.Name, err)
		}
	}
	return nil
}

// sameAs returns the first file with the content of file i.
func sameAs(files []File, i int) int {
	return slices.IndexFunc(files, func(f File) bool { return bytes.Equal(f.Data, files[i].Data) })
}

func writePadded(w io.Writer, data []byte) error {
	if _, err := w.Write(data); err != nil {
		return err
	}
	_, err := w.Write(make([]byte, sectorsOf(data)*sectorSize-len(data)))
	return err
}

func sectorsOf(data []byte) int { return (len(data) + sectorSize - 1) / sectorSize }

// rootDirectory returns the extent of the root directory and the number of
// sectors of the whole image.
func rootDirectory(files []File) ([]byte, uint32, error) {
	root := append(record("\x00", rootSector, sectorSize, true), record("\x01", rootSector, sectorSize, true)...)
	next := uint32(dataSector)
	starts := make([]uint32, len(files))
	for i, f := range files {
		if err := checkFile(files, i); err != nil {
			return nil, 0, err
		}
		if same := sameAs(files, i); same < i {
			starts[i] = starts[same]
		} else if len(f.Data) > 0 { // nothing is nowhere
			starts[i] = next
			next += uint32(sectorsOf(f.Data))
		}
		root = append(root, record(f.Name, starts[i], uint32(len(f.Data)), false)...)
	}
	if len(root) > sectorSize {
		return nil, 0, fmt.Errorf("metadata image: %d files do not fit into one directory sector", len(files))
	}
	return root, next, nil
}

func checkFile(files []File, i int) error {
	f := files[i]
	switch {
	case f.Name == "" || len(f.Name) > maxName || strings.ContainsAny(f.Name, "/\x00\x01"):
		return fmt.Errorf("metadata image: invalid file name %q", f.Name)
	case i > 0 && f.Name <= files[i-1].Name:
		return fmt.Errorf("metadata image: file %q is not in order", f.Name)
	case int64(len(f.Data)) > 1<<31:
		return fmt.Errorf("metadata image: %s is too large (%d bytes)", f.Name, len(f.Data))
	}
	return nil
}

// record is a directory record, ECMA-119 section 9.1. The date stays zero,
// which means "not specified".
func record(name string, sector, size uint32, dir bool) []byte {
	n := 33 + len(name)
	n += n % 2
	r := make([]byte, n)
	r[0] = byte(n)
	putBoth32(r[2:], sector)
	putBoth32(r[10:], size)
	if dir {
		r[25] = 2
	}
	putBoth16(r[28:], 1)
	r[32] = byte(len(name))
	copy(r[33:], name)
	return r
}

// putPrimary fills in the primary volume descriptor, ECMA-119 section 8.4.
func putPrimary(b []byte, sectors uint32) {
	b[0] = 1
	copy(b[1:], "CD001\x01")
	putText(b[8:40], "")
	putText(b[40:72], volumeID)
	putBoth32(b[80:], sectors)
	putBoth16(b[120:], 1)
	putBoth16(b[124:], 1)
	putBoth16(b[128:], sectorSize)
	putBoth32(b[132:], 10) // bytes of a path table
	binary.LittleEndian.PutUint32(b[140:], pathTableLESector)
	binary.BigEndian.PutUint32(b[148:], pathTableBESector)
	copy(b[156:190], record("\x00", rootSector, sectorSize, true))
	putText(b[190:813], "")
	for _, at := range []int{813, 830, 847, 864} {
		copy(b[at:at+16], "0000000000000000")
	}
	b[881] = 1
}

func putTerminator(b []byte) {
	b[0] = 255
	copy(b[1:], "CD001\x01")
}

// putPathTable writes the table's only entry, the root directory.
func putPathTable(b []byte, order binary.ByteOrder) {
	b[0] = 1
	order.PutUint32(b[2:], rootSector)
	order.PutUint16(b[6:], 1)
}

func putText(b []byte, s string) {
	for i := range b {
		b[i] = ' '
	}
	copy(b, s)
}

func putBoth16(b []byte, v uint16) {
	binary.LittleEndian.PutUint16(b, v)
	binary.BigEndian.PutUint16(b[2:], v)
}

func putBoth32(b []byte, v uint32) {
	binary.LittleEndian.PutUint32(b, v)
	binary.BigEndian.PutUint32(b[4:], v)
}
