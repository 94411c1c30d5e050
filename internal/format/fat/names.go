package fat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	shortChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~"
	maxUnits   = 255 // UTF-16 units of a long name
)

// checkName refuses names that a FAT file system cannot hold.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("path must be relative and clean, without %q", name)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q is not UTF-8", name)
	case strings.ContainsAny(name, `"*/:<>?\|`) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf(`name %q has a character that FAT does not know ("*/:<>?\| or a control character)`, name)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasPrefix(name, " "):
		return fmt.Errorf("name %q begins or ends with a space or ends with a dot, which FAT drops", name)
	case len(utf16.Encode([]rune(name))) > maxUnits:
		return fmt.Errorf("name %q is longer than %d UTF-16 units", name, maxUnits)
	}
	return nil
}

// checkLabel refuses labels that would read differently.
func checkLabel(label string) error {
	if len(label) > 11 || strings.Trim(label, shortChars+" ") != "" || strings.TrimSpace(label) != label {
		return fmt.Errorf("label %q: must be up to 11 upper-case letters, digits, inner spaces or some of !#$%%&'()-@^_`{}~", label)
	}
	return nil
}

// shorten gives the children short names: first those whose name is one, so
// that no made-up name takes theirs.
func (n *node) shorten() error {
	taken := make(map[[11]byte]bool, len(n.children))
	var rest []*node
	for _, c := range n.children {
		upper := strings.ToUpper(c.name)
		base, ext := cutName(upper)
		if !isShort(base, ext) {
			rest = append(rest, c)
			continue
		}
		c.short = pack(base, ext)
		taken[c.short] = true
		if upper != c.name {
			c.long = utf16.Encode([]rune(c.name))
		}
	}
	tails := map[string]int{}
	for _, c := range rest {
		c.long = utf16.Encode([]rune(c.name))
		if err := c.alias(taken, tails); err != nil {
			return err
		}
	}
	return nil
}

// alias makes up a short name with a number that nobody else in the directory has.
func (n *node) alias(taken map[[11]byte]bool, tails map[string]int) error {
	base, ext := cutName(strings.TrimLeft(strings.ToUpper(n.name), "."))
	base, ext = clean(base, 8), clean(ext, 3)
	for key := base + "." + ext; ; {
		tails[key]++
		tail := "~" + strconv.Itoa(tails[key])
		if len(tail) > 7 {
			return errors.New("too many similar names in one directory")
		}
		n.short = pack(base[:min(len(base), 8-len(tail))]+tail, ext)
		if !taken[n.short] {
			taken[n.short] = true
			return nil
		}
	}
}

// cutName splits at the last dot.
func cutName(name string) (base, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i+1:]
}

// isShort tells whether the parts of an upper-case name make a short one.
func isShort(base, ext string) bool {
	return base != "" && len(base) <= 8 && len(ext) <= 3 && !strings.ContainsFunc(base+ext, notShort)
}

// notShort tells whether a character cannot be in a short name.
func notShort(r rune) bool { return !strings.ContainsRune(shortChars, r) }

// clean makes part of a name one of a short name of at most n characters.
func clean(part string, n int) string {
	mapped := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '.':
			return -1
		case notShort(r):
			return '_'
		}
		return r
	}, part)
	return mapped[:min(len(mapped), n)]
}

// pack returns a short name as it is stored.
func pack(base, ext string) [11]byte {
	var b [11]byte
	copy(b[:], fmt.Sprintf("%-8s%-3s", base, ext))
	return b
}
