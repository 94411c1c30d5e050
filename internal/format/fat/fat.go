// Package fat makes FAT16 and FAT32 file systems as the FAT specification of
// Microsoft (version 1.03) and ECMA-107 define them, with long file names and
// sectors of 512 bytes.
//
// It owns the layout: every file and directory is in one piece, data of files
// begins on boundaries of 4096 bytes, and equal input gives equal bytes. It
// only writes new file systems; it refuses FAT12, names that Windows refuses
// and files of 4 GiB and more.
package fat

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// MaxFile is the size of the largest file in bytes.
const MaxFile = 1<<32 - 1

// ErrFileTooLarge is what the error for a file of more than MaxFile bytes wraps.
var ErrFileTooLarge = errors.New("file too large for FAT, which takes up to 4 GiB less one byte")

// Attributes of files.
const (
	ReadOnly = 0x01
	Hidden   = 0x02
	System   = 0x04
)

// File is a file or directory of a new file system.
type File struct {
	Path string      // relative, parts separated by /; directories on the way are made
	Dir  bool        // a directory; needed only for those that have other attributes or are empty
	Size int64       // bytes
	Data io.ReaderAt // the content; nil if Size is 0
	Attr byte        // ReadOnly, Hidden, System
}

// Type is a kind of FAT.
type Type int

// Types; Auto is FAT32 from about 33 MiB on and FAT16 below.
const (
	Auto  Type = 0
	FAT16 Type = 16
	FAT32 Type = 32
)

// Options are what else there is to say about a file system.
type Options struct {
	Size   int64     // bytes of the partition; 0 is as small as the files need
	Type   Type      // Auto by default
	Label  string    // at most 11 upper-case characters; "" is none
	Seed   []byte    // the volume's serial number is derived from it
	Time   time.Time // of all files, in UTC; before 1980 (or zero) is the beginning of 1980
	Before int64     // bytes of the disk ahead of the partition, which some boot code looks at
}

// FS is a file system laid out, not yet written.
type FS struct {
	Type        Type
	Size        int64 // bytes
	ClusterSize int64 // bytes
	// Offsets has for every file given to New where in the file system its
	// content begins, in bytes; 0 for empty files and directories.
	Offsets []int64

	opts     Options
	geometry geometry
	root     *node
	nodes    []*node // of the files given
	runs     []run
	boot     []byte
}

// New lays out a file system with files. If opts.Size is too small the error
// says how many bytes are needed and wraps disk.ErrTooSmall.
func New(files []File, opts Options) (*FS, error) {
	fs, err := newFS(files, opts)
	if err != nil {
		return nil, fmt.Errorf("make FAT file system: %w", err)
	}
	return fs, nil
}

// Size returns how many bytes a partition with files needs at least; opts.Size is ignored.
func Size(files []File, opts Options) (int64, error) {
	opts.Size = 0
	fs, err := New(files, opts)
	if err != nil {
		return 0, err
	}
	return fs.Size, nil
}

func newFS(files []File, opts Options) (*FS, error) {
	if err := checkLabel(opts.Label); err != nil {
		return nil, err
	}
	root, nodes, err := makeTree(files, opts.Label != "")
	if err != nil {
		return nil, err
	}
	size, g, err := fit(root, nodes, opts)
	if err != nil {
		return nil, err
	}
	fs := &FS{Type: g.kind, Size: size, ClusterSize: g.cluster, opts: opts, geometry: g, root: root, nodes: nodes}
	fs.runs, _ = allocate(root, nodes, g)
	for _, n := range nodes {
		fs.Offsets = append(fs.Offsets, g.offset(n))
	}
	return fs, nil
}

// SetData gives the file with an index in New's list another content of the same size.
func (fs *FS) SetData(index int, data io.ReaderAt) { fs.nodes[index].data = data }

// SetBoot installs boot code. sector has 512 bytes; the jump and what is
// behind the parameters of FAT32 (offset 90 on) is taken from it.
func (fs *FS) SetBoot(sector []byte) error {
	if len(sector) != disk.Sector {
		return fmt.Errorf("set boot code: sector has %d bytes, not %d", len(sector), disk.Sector)
	}
	fs.boot = sector
	return nil
}

// Image returns the file system. Its data stays in the readers of the files.
func (fs *FS) Image() (*disk.Image, error) {
	g := fs.geometry
	extents := append(fs.bootSectors(), fs.tables()...)
	extents = append(extents, fs.directories()...)
	for _, n := range fs.nodes {
		if !n.dir && n.size > 0 {
			extents = append(extents, disk.Extent{Offset: g.offset(n), Length: n.size, Data: n.data})
		}
	}
	return disk.New(fs.Size, extents...)
}

// serial returns the volume's serial number.
func (o Options) serial() uint32 {
	sum := sha256.Sum256(append([]byte("volume "), o.Seed...))
	return binary.LittleEndian.Uint32(sum[:])
}
