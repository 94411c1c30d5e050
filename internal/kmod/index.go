package kmod

import (
	"encoding/binary"
	"slices"
	"strings"
)

// The binary index is a trie, written leaves first so that every node knows
// where its children are. Upper bits of an offset tell what a node has.
const (
	indexMagic   = 0xb007f457
	indexVersion = 0x00020001
	hasPrefix    = 0x80000000
	hasValues    = 0x40000000
	hasChildren  = 0x20000000
)

// record is one key of an index. Several may have the same key.
type record struct {
	key, value string
	priority   uint32
}

// encodeIndex writes the binary form of an index.
func encodeIndex(records []record) []byte {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b record) int { return strings.Compare(a.key, b.key) })
	out := binary.BigEndian.AppendUint32(nil, indexMagic)
	out = binary.BigEndian.AppendUint32(out, indexVersion)
	out = append(out, 0, 0, 0, 0)
	out, root := appendNode(out, sorted, 0, "")
	binary.BigEndian.PutUint32(out[8:], root)
	return out
}

// appendNode writes the node that holds sorted, whose keys are equal up to pos,
// and returns where it is. The root has no prefix.
func appendNode(out []byte, sorted []record, pos int, prefix string) ([]byte, uint32) {
	pos += len(prefix)
	here := 0
	for here < len(sorted) && len(sorted[here].key) == pos {
		here++
	}
	values, rest := sorted[:here], sorted[here:]
	out, children := appendChildren(out, rest, pos)
	at := uint32(len(out))
	if prefix != "" {
		out = append(append(out, prefix...), 0)
		at |= hasPrefix
	}
	if len(rest) > 0 {
		out = append(out, rest[0].key[pos], rest[len(rest)-1].key[pos])
		for _, c := range children {
			out = binary.BigEndian.AppendUint32(out, c)
		}
		at |= hasChildren
	}
	if len(values) > 0 {
		out = appendValues(out, values)
		at |= hasValues
	}
	return out, at
}

// appendChildren writes the nodes below one and returns their places by the
// byte that leads to them, from the first to the last that is used.
func appendChildren(out []byte, rest []record, pos int) ([]byte, []uint32) {
	if len(rest) == 0 {
		return out, nil
	}
	first := rest[0].key[pos]
	children := make([]uint32, int(rest[len(rest)-1].key[pos])-int(first)+1)
	for len(rest) > 0 {
		c := rest[0].key[pos]
		n := 1
		for n < len(rest) && rest[n].key[pos] == c {
			n++
		}
		out, children[c-first] = appendNode(out, rest[:n], pos+1, commonPrefix(rest[0].key[pos+1:], rest[n-1].key[pos+1:]))
		rest = rest[n:]
	}
	return out, children
}

func commonPrefix(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return a[:i]
}

// appendValues writes values by priority; of equal ones the last added is first.
func appendValues(out []byte, values []record) []byte {
	values = slices.Clone(values)
	slices.Reverse(values)
	slices.SortStableFunc(values, func(a, b record) int { return int(a.priority) - int(b.priority) })
	out = binary.BigEndian.AppendUint32(out, uint32(len(values)))
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v.priority)
		out = append(append(out, v.value...), 0)
	}
	return out
}
