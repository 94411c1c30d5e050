package iso9660

import (
	"encoding/binary"
	"time"
	"unicode/utf16"
)

// descriptor returns the descriptor of a volume in an image of total sectors.
func (v *volume) descriptor(o *Options, total int64) []byte {
	b := make([]byte, Sector)
	b[0] = 1
	if v.joliet {
		b[0] = 2
		copy(b[88:], "%/E") // UCS-2 level 3
	}
	copy(b[1:], "CD001\x01")
	v.text(b[8:40], "LINUX")
	v.text(b[40:72], o.Label)
	put32(b[80:], uint32(total))
	put16(b[120:], 1)
	put16(b[124:], 1)
	put16(b[128:], Sector)
	put32(b[132:], uint32(len(v.pathTable(le))))
	le.PutUint32(b[140:], uint32(v.paths[0]))
	be.PutUint32(b[148:], uint32(v.paths[1]))
	copy(b[156:190], record(v.dirs[0].extent(), v.dirs[0].node.Inode.ModTime, []byte{0}, nil))
	v.text(b[190:318], "")
	v.text(b[318:446], o.Publisher)
	v.text(b[446:574], "")
	v.text(b[574:702], o.Application)
	for _, at := range []int{702, 739, 776} { // names of files
		v.text(b[at:at+37], "")
	}
	created := o.Time.Format("20060102150405") + "00\x00"
	const never = "0000000000000000\x00"
	copy(b[813:], created+created+never+never)
	b[881] = 1
	return b
}

// text fills a field of characters.
func (v *volume) text(b []byte, s string) {
	if !v.joliet {
		for i := copy(b, s); i < len(b); i++ {
			b[i] = ' '
		}
		return
	}
	units := utf16.Encode([]rune(s))
	for i := range len(b) / 2 {
		unit := uint16(' ')
		if i < len(units) {
			unit = units[i]
		}
		binary.BigEndian.PutUint16(b[2*i:], unit)
	}
}

// terminator ends the list of descriptors.
func terminator() []byte {
	b := make([]byte, Sector)
	copy(b, "\xffCD001\x01")
	return b
}

// implied gives directories that no entry names the time of the image.
func implied(n *node, t time.Time) {
	if n.Inode.ModTime.IsZero() {
		n.Inode.ModTime = t
	}
	for _, c := range n.Children() {
		if c.IsDir() {
			implied(c, t)
		}
	}
}
