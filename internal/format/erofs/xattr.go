package erofs

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// prefixes of extended attributes, with the numbers that stand for them.
var prefixes = []struct {
	number uint8
	text   string
	whole  bool
}{
	{1, "user.", false},
	{2, "system.posix_acl_access", true},
	{3, "system.posix_acl_default", true},
	{4, "trusted.", false},
	{6, "security.", false},
}

const (
	xattrHeadSize = 12
	// rootXattrMax is how much room for attributes is beside the superblock.
	rootXattrMax = 2 << 10
)

func splitXattr(name string) (number uint8, rest string, ok bool) {
	for _, p := range prefixes {
		rest, ok := strings.CutPrefix(name, p.text)
		if ok && p.whole == (rest == "") && len(name) <= 255 {
			return p.number, rest, true
		}
	}
	return 0, "", false
}

func checkXattrs(e Entry) error {
	attrs := e.Xattrs
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if _, _, ok := splitXattr(name); !ok {
			return fmt.Errorf("%w: extended attribute %.300q", ErrUnsupported, name)
		}
		if len(attrs[name]) > math.MaxUint16 {
			return fmt.Errorf("%w: extended attribute %q of %d bytes", ErrUnsupported, name, len(attrs[name]))
		}
	}
	size := xattrSize(attrs)
	if (e.Path == "" || e.Path == ".") && size > rootXattrMax || size > math.MaxUint16*4 {
		return fmt.Errorf("%w: %d bytes of extended attributes", ErrUnsupported, size)
	}
	return nil
}

// xattrSize is what the attributes take beside the inode.
func xattrSize(attrs map[string]string) int { return len(appendXattrs(nil, attrs)) }

// appendXattrs writes the attributes, nothing if there are none.
func appendXattrs(b le, attrs map[string]string) le {
	if len(attrs) == 0 {
		return b
	}
	b = append(b, make([]byte, xattrHeadSize)...)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		number, rest, _ := splitXattr(name)
		b = append(b.u8(uint8(len(rest))).u8(number).u16(uint16(len(attrs[name]))), rest...)
		b = append(b, attrs[name]...).align(4)
	}
	return b
}

// xattrCount is the size in the unit of inodes.
func xattrCount(attrs map[string]string) uint16 {
	if len(attrs) == 0 {
		return 0
	}
	return uint16((xattrSize(attrs)-xattrHeadSize)/4 + 1)
}
