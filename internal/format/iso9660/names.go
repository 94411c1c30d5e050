package iso9660

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// namer gives the files of a directory identifiers of one kind.
type namer interface {
	// split returns the parts of the name that may be shortened and should not.
	split(name string, dir bool) (base, extension []uint16)
	// limit is the number of characters for both together.
	limit(dir bool) int
	// encode returns the identifier.
	encode(base, extension []uint16, dir bool) []byte
}

// names makes identifiers that differ, for children in a fixed order.
func names(children []*node, m namer) [][]byte {
	ids := make([][]byte, len(children))
	taken := make(map[string]bool, len(children))
	next := map[string]int{}
	for i, c := range children {
		base, extension := m.split(c.Name, c.IsDir())
		limit := m.limit(c.IsDir())
		extension = extension[:min(len(extension), limit/2)]
		id := m.encode(base[:min(len(base), limit-len(extension))], extension, c.IsDir())
		for taken[key(id)] {
			short := base[:min(len(base), limit-len(extension)-8)]
			stem := string(m.encode(short, extension, c.IsDir()))
			next[stem]++
			suffix := utf16.Encode([]rune(fmt.Sprintf("_%X", next[stem])))
			id = m.encode(append(append([]uint16(nil), short...), suffix...), extension, c.IsDir())
		}
		taken[key(id)] = true
		ids[i] = id
	}
	return ids
}

// key is what must differ: "A" as a directory and "A.;1" are too much alike.
func key(id []byte) string { return strings.TrimSuffix(string(id), ".;1") }

// plainNames are identifiers of the primary volume: capital letters, digits
// and underscores, for files with a dot and a version.
type plainNames struct{}

func (plainNames) limit(dir bool) int {
	if dir {
		return 31
	}
	return 30
}

func (plainNames) split(name string, dir bool) (base, extension []uint16) {
	dot := strings.LastIndexByte(name, '.')
	if dir || dot <= 0 {
		return plain(name), nil
	}
	return plain(name[:dot]), plain(name[dot+1:])
}

// plain replaces what must not be in an identifier.
func plain(name string) []uint16 {
	var out []uint16
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z':
			r += 'A' - 'a'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
		default:
			r = '_'
		}
		out = append(out, uint16(r))
	}
	return out
}

func (plainNames) encode(base, extension []uint16, dir bool) []byte {
	var id []byte
	for _, u := range base {
		id = append(id, byte(u))
	}
	if dir {
		return id
	}
	id = append(id, '.')
	for _, u := range extension {
		id = append(id, byte(u))
	}
	return append(id, ";1"...)
}

// jolietNames are identifiers for Windows: up to 64 units of UTF-16.
type jolietNames struct{}

func (jolietNames) limit(bool) int { return 64 }

func (jolietNames) split(name string, dir bool) (base, extension []uint16) {
	dot := strings.LastIndexByte(name, '.')
	if dir || dot <= 0 {
		return joliet(name), nil
	}
	return joliet(name[:dot]), joliet(name[dot:])
}

func joliet(name string) []uint16 {
	return utf16.Encode([]rune(strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`*/:;?\`, r) {
			return '_'
		}
		return r
	}, name)))
}

func (jolietNames) encode(base, extension []uint16, _ bool) []byte {
	var id []byte
	for _, part := range [][]uint16{base, extension} {
		for _, u := range part {
			id = append(id, byte(u>>8), byte(u))
		}
	}
	return id
}
