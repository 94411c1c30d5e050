package diskroot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Super is what the superblock of a file system says.
type Super struct {
	Type, Label, UUID string
}

// kinds are the file systems that are recognized, by a magic number at an
// offset in bytes.
var kinds = []struct {
	name        string
	magic       string
	at          int64
	label, uuid int64 // offsets, 0 if there is none
	labelSize   int
}{
	{name: "squashfs", magic: "hsqs"},
	{name: "erofs", magic: "\xe2\xe1\xf5\xe0", at: 1024, uuid: 1024 + 48, label: 1024 + 64, labelSize: 16},
	{name: "ext4", magic: "\x53\xef", at: 1024 + 56, uuid: 1024 + 104, label: 1024 + 120, labelSize: 16},
	{name: "iso9660", magic: "CD001", at: 32768 + 1, label: 32768 + 40, labelSize: 32},
}

// ReadSuper recognizes the file system on a device. The type is empty if it is
// none that is known here.
func ReadSuper(r io.ReaderAt) (Super, error) {
	for _, k := range kinds {
		magic := make([]byte, len(k.magic))
		if _, err := r.ReadAt(magic, k.at); err != nil && err != io.EOF {
			return Super{}, err
		}
		if string(magic) != k.magic {
			continue
		}
		s := Super{Type: k.name}
		if k.label > 0 {
			s.Label = text(r, k.label, k.labelSize)
		}
		if k.uuid > 0 {
			s.UUID = uuid(r, k.uuid)
		}
		return s, nil
	}
	return Super{}, nil
}

func text(r io.ReaderAt, at int64, size int) string {
	raw := make([]byte, size)
	if _, err := r.ReadAt(raw, at); err != nil {
		return ""
	}
	raw, _, _ = bytes.Cut(raw, []byte{0})
	return strings.TrimRight(string(raw), " ")
}

func uuid(r io.ReaderAt, at int64) string {
	var u [16]byte
	if _, err := r.ReadAt(u[:], at); err != nil {
		return ""
	}
	be := binary.BigEndian
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", be.Uint32(u[:]), be.Uint16(u[4:]), be.Uint16(u[6:]), be.Uint16(u[8:]), u[10:])
}
