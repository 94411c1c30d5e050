package fat

import (
	"encoding/binary"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

const (
	codeOffset   = 90 // behind the parameters of FAT32, for both types
	backupSector = 6
	noLabel      = "NO NAME"
)

// noBoot asks the firmware to go on with the next device, then halts.
var noBoot = []byte{0xcd, 0x18, 0xf4, 0xeb, 0xfd}

// bootSectors returns what is in the reserved sectors.
func (fs *FS) bootSectors() []disk.Extent {
	boot := fs.bootSector()
	if fs.Type == FAT16 {
		return []disk.Extent{disk.Bytes(0, boot)}
	}
	both := append(boot, fs.info()...)
	return []disk.Extent{disk.Bytes(0, both), disk.Bytes(backupSector*disk.Sector, both)}
}

// bootSector returns the first sector: jump, parameters, code.
func (fs *FS) bootSector() []byte {
	b := make([]byte, disk.Sector)
	copy(b, []byte{0xeb, codeOffset - 2, 0x90})
	copy(b[codeOffset:], noBoot)
	if fs.boot != nil {
		copy(b, fs.boot)
		clear(b[11:codeOffset])
	} else {
		copy(b[3:], "MSWIN4.1")
	}
	fs.putParameters(b)
	if fs.Type == FAT32 {
		fs.putParameters32(b)
	} else {
		binary.LittleEndian.PutUint16(b[22:], uint16(fs.geometry.table))
		fs.putVolume(b[36:])
	}
	b[510], b[511] = 0x55, 0xaa
	return b
}

// putParameters writes what both types have.
func (fs *FS) putParameters(b []byte) {
	le, g := binary.LittleEndian, fs.geometry
	le.PutUint16(b[11:], disk.Sector)
	b[13] = byte(g.cluster / disk.Sector)
	le.PutUint16(b[14:], uint16(g.reserved))
	b[16] = copies
	le.PutUint16(b[17:], uint16(g.root*disk.Sector/slotSize))
	b[21] = 0xf8 // a hard disk
	le.PutUint16(b[24:], 63)
	le.PutUint16(b[26:], 255)
	le.PutUint32(b[28:], uint32(fs.opts.Before/disk.Sector))
	if fs.Type == FAT16 && g.sectors < 1<<16 {
		le.PutUint16(b[19:], uint16(g.sectors))
	} else {
		le.PutUint32(b[32:], uint32(g.sectors))
	}
}

// putParameters32 writes what only FAT32 has.
func (fs *FS) putParameters32(b []byte) {
	le := binary.LittleEndian
	le.PutUint32(b[36:], uint32(fs.geometry.table))
	le.PutUint32(b[44:], uint32(fs.root.cluster))
	le.PutUint16(b[48:], 1) // sector with the counts
	le.PutUint16(b[50:], backupSector)
	fs.putVolume(b[64:])
}

// putVolume writes drive, serial number, label and type.
func (fs *FS) putVolume(b []byte) {
	b[0], b[2] = 0x80, 0x29
	binary.LittleEndian.PutUint32(b[3:], fs.opts.serial())
	label := fs.opts.Label
	if label == "" {
		label = noLabel
	}
	copy(b[7:], fmt.Sprintf("%-11s%-8s", label, fmt.Sprintf("FAT%d", fs.Type)))
}

// info returns the sector with the number of free clusters.
func (fs *FS) info() []byte {
	le := binary.LittleEndian
	b := make([]byte, disk.Sector)
	le.PutUint32(b, 0x41615252)
	le.PutUint32(b[484:], 0x61417272)
	count, next := fs.free()
	le.PutUint32(b[488:], uint32(count))
	le.PutUint32(b[492:], uint32(next))
	le.PutUint32(b[508:], 0xaa550000)
	return b
}
