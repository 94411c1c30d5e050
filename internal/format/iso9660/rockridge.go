package iso9660

import (
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

const (
	maxField = 255 // bytes of a field of the system use area
	ceSize   = 28
)

// field returns one field of the system use area (SUSP 1.12).
func field(name string, data ...byte) []byte {
	return append([]byte{name[0], name[1], byte(4 + len(data)), 1}, data...)
}

// rootFields tell that and which extensions are in use.
func rootFields() (first, last []byte) {
	const id, about, source = "IEEE_P1282", "POSIX FILE SYSTEM SEMANTICS", "IEEE P1282"
	er := []byte{byte(len(id)), byte(len(about)), byte(len(source)), 1}
	return field("SP", 0xbe, 0xef, 0), field("ER", append(er, id+about+source...)...)
}

// attributes are the fields that all names of a file have.
func attributes(n *node) [][]byte {
	px := make([]byte, 40)
	for i, v := range []uint32{n.Inode.Mode, links(n), n.Inode.UID, n.Inode.GID, n.Inode.Data.number} {
		put32(px[8*i:], v)
	}
	tf := make([]byte, 8)
	tf[0] = 2 // modification
	putTime(tf[1:], n.Inode.ModTime)
	return [][]byte{field("PX", px...), field("TF", tf...)}
}

// links counts names, and for a directory those inside as well.
func links(n *node) uint32 {
	if !n.IsDir() {
		return n.Inode.Links
	}
	count := uint32(2)
	for _, c := range n.Children() {
		if c.IsDir() {
			count++
		}
	}
	return count
}

// rockRidge are all fields of a name.
func rockRidge(n *node) [][]byte {
	list := append(attributes(n), nameFields(n.Name)...)
	switch n.Inode.Mode & fsimage.TypeMask {
	case fsimage.TypeChar, fsimage.TypeBlock:
		list = append(list, deviceField(n.Inode.Major, n.Inode.Minor))
	case fsimage.TypeSymlink:
		list = append(list, linkFields(n.Inode.Linkname)...)
	}
	return list
}

// deviceField has the number in its low half as far as all readers agree what
// that means, else as Linux reads it, with the major number in the high half.
func deviceField(major, minor uint32) []byte {
	pn := make([]byte, 16)
	if minor < 1<<8 && major > 0 {
		major, minor = 0, major<<8|minor
	}
	put32(pn, major)
	put32(pn[8:], minor)
	return field("PN", pn...)
}

func nameFields(name string) [][]byte {
	var list [][]byte
	for {
		n := min(len(name), maxField-5)
		more := byte(0)
		if n < len(name) {
			more = 1
		}
		list = append(list, field("NM", append([]byte{more}, name[:n]...)...))
		if name = name[n:]; name == "" {
			return list
		}
	}
}

// Flags of the components of a link.
const (
	linkContinues = 1
	linkCurrent   = 2
	linkParent    = 4
	linkRoot      = 8
)

// linkFields write a target component by component, so that fields are full.
func linkFields(target string) [][]byte {
	var list [][]byte
	current := []byte{0}
	put := func(flags byte, text string) {
		if len(current)+2+len(text) > maxField-4 {
			current[0] = 1 // continues
			list, current = append(list, field("SL", current...)), []byte{0}
		}
		current = append(append(current, flags, byte(len(text))), text...)
	}
	if strings.HasPrefix(target, "/") {
		put(linkRoot, "")
		target = target[1:]
	}
	for name := range strings.SplitSeq(target, "/") {
		switch {
		case name == ".":
			put(linkCurrent, "")
		case name == "..":
			put(linkParent, "")
		case name == "" && target == "": // the root itself
		default:
			for len(name) > componentSize {
				put(linkContinues, name[:componentSize])
				name = name[componentSize:]
			}
			put(0, name)
		}
	}
	return append(list, field("SL", current...))
}

// componentSize leaves room for the headers of field and component.
const componentSize = maxField - 4 - 1 - 2

// continuation collects what does not fit the records of a directory.
type continuation struct {
	sector uint32 // where it begins
	data   []byte
}

// fit returns as many of the fields as fit into room bytes, and puts the others
// into the continuation.
func (c *continuation) fit(list [][]byte, room int) []byte {
	n := take(list, room)
	out := join(list[:n])
	if n < len(list) {
		out = append(out, c.put(list[n:])...)
	}
	return out
}

// put appends fields, none of which crosses a sector together with those that
// are read at once with it, and returns the field that refers to them.
func (c *continuation) put(list [][]byte) []byte {
	if left := Sector - len(c.data)%Sector; length(list) > left && left < Sector {
		c.data = append(c.data, make([]byte, left)...)
	}
	at := len(c.data)
	n := take(list, Sector)
	c.data = append(c.data, join(list[:n])...)
	end := len(c.data)
	if n < len(list) {
		c.data = append(c.data, make([]byte, ceSize)...)
		next := c.put(list[n:])
		copy(c.data[end:], next)
		end += ceSize
	}
	ce := make([]byte, ceSize-4)
	put32(ce, c.sector+uint32(at/Sector))
	put32(ce[8:], uint32(at%Sector))
	put32(ce[16:], uint32(end-at))
	return field("CE", ce...)
}

// take tells how many fields fit, with one that refers to the others.
func take(list [][]byte, room int) int {
	if length(list) <= room {
		return len(list)
	}
	room -= ceSize
	for n, f := range list {
		if room -= len(f); room < 0 {
			return n
		}
	}
	return len(list)
}

func length(list [][]byte) int {
	n := 0
	for _, f := range list {
		n += len(f)
	}
	return n
}

func join(list [][]byte) []byte {
	var out []byte
	for _, f := range list {
		out = append(out, f...)
	}
	return out
}
