package squashfs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// prefixes of extended attributes, by the number that stands for them.
var prefixes = [...]string{"user.", "trusted.", "security."}

const noXattrs = 0xffffffff

func splitXattr(name string) (prefix uint16, rest string, ok bool) {
	for i, p := range prefixes {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" && len(name) <= 255 {
			return uint16(i), rest, true
		}
	}
	return 0, "", false
}

func checkXattrs(e Entry) error {
	attrs := e.Xattrs
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if _, _, ok := splitXattr(name); !ok {
			return fmt.Errorf("%w: extended attribute %.300q (only user, trusted and security are); use another format or take it off", ErrUnsupported, name)
		}
		if len(attrs[name]) > 64<<10 {
			return fmt.Errorf("%w: extended attribute %q of %d bytes", ErrUnsupported, name, len(attrs[name]))
		}
	}
	return nil
}

// xattrTable has every set of attributes once.
type xattrTable struct {
	pairs table
	ids   le
	known map[string]uint32
}

// id returns the number of the set.
func (x *xattrTable) id(attrs map[string]string) uint32 {
	if len(attrs) == 0 {
		return noXattrs
	}
	var set le
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		prefix, rest, _ := splitXattr(name)
		set = append(set.u16(prefix).u16(uint16(len(rest))), rest...)
		set = append(set.u32(uint32(len(attrs[name]))), attrs[name]...)
	}
	id, ok := x.known[string(set)]
	if !ok {
		id = uint32(len(x.known))
		x.known[string(set)] = id
		x.ids = x.ids.u64(x.pairs.reference()).u32(uint32(len(attrs))).u32(uint32(len(set)))
		x.pairs.write(set)
	}
	return id
}
