package fsimage

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"time"
)

// Types of files, the upper bits of [Entry.Mode], as in stat(2).
const (
	TypeMask    = 0o170000
	TypeFifo    = 0o010000
	TypeChar    = 0o020000
	TypeDir     = 0o040000
	TypeBlock   = 0o060000
	TypeRegular = 0o100000
	TypeSymlink = 0o120000
	TypeSocket  = 0o140000
)

// Limits that Linux sets for every file system.
const (
	maxName   = 255
	maxTarget = 4095
)

var (
	// ErrUnsupported means that an entry cannot be in such an image.
	ErrUnsupported = errors.New("not possible in this file system image")
	// ErrOrder means that an entry does not go together with earlier ones: a
	// hard link to nothing, or a name below something that is no directory.
	ErrOrder = errors.New("does not fit the earlier entries")
	// ErrSize means that content is not as long as its entry says.
	ErrSize = errors.New("content and size differ")
)

// Entry describes one name of an image.
type Entry struct {
	// Path is clean and relative; "" and "." are the root.
	Path string
	// Mode is the type and the permissions, as in stat(2).
	Mode     uint32
	UID, GID uint32
	// ModTime has nanoseconds where the format has; the zero value is the
	// time of the image.
	ModTime time.Time
	// Size is the number of bytes of content of a regular file.
	Size int64
	// Linkname is the target of a symbolic link.
	Linkname string
	// HardLink, if it is set, makes Path one more name of the file that an
	// earlier entry put there; all else but Path is not looked at.
	HardLink string
	// Major and Minor are the numbers of a device.
	Major, Minor uint32
	// Xattrs are the extended attributes by full name, "security.capability".
	Xattrs map[string]string
}

// Check returns an error that wraps [ErrUnsupported] if Linux could not have
// such a file.
func (e *Entry) Check() error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if e.HardLink != "" {
		return CheckPath(e.HardLink)
	}
	if e.Size < 0 || e.Size > 0 && e.Mode&TypeMask != TypeRegular {
		return fmt.Errorf("%w: content of %d bytes for mode %o", ErrUnsupported, e.Size, e.Mode)
	}
	return e.checkType()
}

func (e *Entry) checkType() error {
	switch e.Mode & TypeMask {
	case TypeFifo, TypeDir, TypeRegular, TypeSocket:
		return nil
	case TypeChar, TypeBlock:
		if e.Major >= 1<<12 || e.Minor >= 1<<20 {
			return fmt.Errorf("%w: device number %d:%d", ErrUnsupported, e.Major, e.Minor)
		}
		return nil
	case TypeSymlink:
		if e.Linkname == "" || len(e.Linkname) > maxTarget || strings.IndexByte(e.Linkname, 0) >= 0 {
			return fmt.Errorf("%w: a symbolic link to %.100q", ErrUnsupported, e.Linkname)
		}
		return nil
	}
	return fmt.Errorf("%w: a file of mode %o", ErrUnsupported, e.Mode)
}

// CheckPath refuses paths that are not clean and relative, and names that
// Linux could not look up.
func CheckPath(p string) error {
	if p == "" || p == "." {
		return nil
	}
	if path.Clean(p) != p || p[0] == '/' || p == ".." || strings.HasPrefix(p, "../") || strings.IndexByte(p, 0) >= 0 {
		return fmt.Errorf("%w: path %.300q is not clean and relative", ErrUnsupported, p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > maxName {
			return fmt.Errorf("%w: a name of %d bytes, at most %d are", ErrUnsupported, len(name), maxName)
		}
	}
	return nil
}

// Device is the number of the device in the encoding that Linux calls new.
func (e *Entry) Device() uint32 {
	return e.Minor&0xff | e.Major<<8 | e.Minor&^0xff<<12
}

// Unix32 is the time in seconds, moved into what 32 bits without sign can
// tell: the years 1970 to 2106.
func Unix32(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}
