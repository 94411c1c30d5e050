package cpio

import (
	"archive/tar"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Types of files, the upper bits of [Header.Mode].
const (
	TypeMask    = 0o170000
	TypeFifo    = 0o010000
	TypeChar    = 0o020000
	TypeDir     = 0o040000
	TypeBlock   = 0o060000
	TypeRegular = 0o100000
	TypeSymlink = 0o120000
)

const (
	magic       = "070701"
	headerSize  = 110
	trailerName = "TRAILER!!!"
	// pathMax is what the kernel allows for names and targets of symbolic
	// links, the zero byte at the end of a name included.
	pathMax = 4096
)

var (
	// ErrUnsupported means that a file cannot be in an archive.
	ErrUnsupported = errors.New("not possible in a cpio archive")
	// ErrFormat means that something is not a cpio archive, or a broken one.
	ErrFormat = errors.New("invalid cpio archive")
)

// Header describes one entry of an archive.
type Header struct {
	// Name is relative, without leading or trailing slash.
	Name string
	// Mode is the type and the permissions, as in stat(2).
	Mode     uint32
	UID, GID uint32
	// Links is the number of names of the file in this archive; 0 means the
	// usual: 2 for a directory, 1 for all else. The writer expects as many
	// hard links to Name.
	Links uint32
	// ModTime counts in whole seconds from 1970 to 2106.
	ModTime time.Time
	// Size is the number of bytes of content of a regular file.
	Size int64
	// Major and Minor are the numbers of a device.
	Major, Minor uint32
	// Linkname is the target of a symbolic link.
	Linkname string
	// HardLink, if it is set, makes the entry one more name of that earlier
	// entry; all else but Name is not looked at. The reader does not set it.
	HardLink string
	// Inode and Archive tell names of one file, which have both in common.
	// The reader sets them; archives count from 0.
	Inode   uint32
	Archive int
}

// tarTypes are the types that both formats have.
var tarTypes = map[byte]uint32{
	tar.TypeReg: TypeRegular, tar.TypeDir: TypeDir, tar.TypeSymlink: TypeSymlink,
	tar.TypeChar: TypeChar, tar.TypeBlock: TypeBlock, tar.TypeFifo: TypeFifo,
}

// FromTar returns the header that corresponds to that of a tar archive, where
// links is the number of names of the file. The content of a regular file has
// to be written after it; that of a symbolic link has not. Errors wrap
// [ErrUnsupported].
func FromTar(h *tar.Header, links int) (*Header, error) {
	name := strings.TrimSuffix(h.Name, "/")
	if h.Typeflag == tar.TypeLink {
		return &Header{Name: name, HardLink: h.Linkname}, nil
	}
	fileType, ok := tarTypes[h.Typeflag]
	if !ok {
		return nil, fmt.Errorf("convert entry %s: %w: type %q", h.Name, ErrUnsupported, h.Typeflag)
	}
	if tooBig(int64(h.Uid)) || tooBig(int64(h.Gid)) || tooBig(h.Devmajor) || tooBig(h.Devminor) {
		return nil, fmt.Errorf("convert entry %s: %w: owner %d:%d or device %d:%d", h.Name, ErrUnsupported, h.Uid, h.Gid, h.Devmajor, h.Devminor)
	}
	c := &Header{
		Name: name, Mode: fileType | uint32(h.Mode&0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid), ModTime: h.ModTime,
	}
	switch fileType {
	case TypeRegular:
		c.Size = h.Size
	case TypeSymlink:
		c.Linkname = h.Linkname
	case TypeChar, TypeBlock:
		c.Major, c.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	}
	if links > 1 {
		c.Links = uint32(links)
	}
	return c, nil
}

// Tar returns the header that corresponds to h in a tar archive. That the file
// is one more name of an earlier entry, it does not say: see [Header.Inode]. What
// a tar archive cannot hold becomes a regular file.
func (h *Header) Tar() *tar.Header {
	t := &tar.Header{
		Name: h.Name, Mode: int64(h.Mode) & 0o7777, Uid: int(h.UID), Gid: int(h.GID), ModTime: h.ModTime,
		Size: h.Size, Linkname: h.Linkname, Devmajor: int64(h.Major), Devminor: int64(h.Minor), Typeflag: tar.TypeReg,
	}
	for tarType, fileType := range tarTypes {
		if fileType == h.Mode&TypeMask {
			t.Typeflag = tarType
		}
	}
	return t
}

func tooBig(n int64) bool { return n < 0 || n > math.MaxUint32 }

// check tells whether the kernel would unpack the entry.
func (h *Header) check() error {
	switch {
	case h.Name == "" || h.Name == trailerName || strings.HasPrefix(h.Name, "/") || strings.IndexByte(h.Name, 0) >= 0:
		return fmt.Errorf("%w: a file of that name", ErrUnsupported)
	case len(h.Name) >= pathMax:
		return fmt.Errorf("%w: a name of %d bytes, at most %d are", ErrUnsupported, len(h.Name), pathMax-1)
	case len(h.Linkname) >= pathMax || strings.IndexByte(h.Linkname, 0) >= 0:
		return fmt.Errorf("%w: a link to %.100q", ErrUnsupported, h.Linkname)
	case h.Size > math.MaxUint32:
		return fmt.Errorf("%w: %d bytes of content, at most %d are; put the file on a disk instead of the initrd", ErrUnsupported, h.Size, int64(math.MaxUint32))
	case h.Size < 0, h.Size > 0 && h.Mode&TypeMask != TypeRegular:
		return fmt.Errorf("%w: content of %d bytes for mode %o", ErrUnsupported, h.Size, h.Mode)
	}
	return h.checkType()
}

func (h *Header) checkType() error {
	switch h.Mode & TypeMask {
	case TypeFifo, TypeChar, TypeDir, TypeBlock, TypeRegular:
		return nil
	case TypeSymlink:
		if h.Linkname == "" {
			return fmt.Errorf("%w: a symbolic link without target", ErrUnsupported)
		}
		return nil
	default:
		return fmt.Errorf("%w: a file of mode %o", ErrUnsupported, h.Mode)
	}
}
