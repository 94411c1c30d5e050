package rootfs

import (
	"archive/tar"
	"context"
)

// Merged is the tree that segments leave behind when each is unpacked over
// those before it. It holds names only, not content.
type Merged struct {
	segments []*Segment
	// last tells which entry, counted over all segments, a path comes from.
	last map[string]int32
	// names are those of files with several names that nothing replaced, by
	// the number of the entry that has the content.
	names map[int32][]string
}

// Merge finds out which entry of which segment counts for each path. Errors
// are those of the segments, or wrap [ErrConflict].
func Merge(ctx context.Context, segments []*Segment) (*Merged, error) {
	return MergeWithout(ctx, segments, func(string) bool { return false })
}

// MergeWithout is [Merge] without the paths that drop is true for. A file that
// has other names as well stays under those.
func MergeWithout(ctx context.Context, segments []*Segment, drop func(path string) bool) (*Merged, error) {
	m := &Merged{segments: segments, last: map[string]int32{}, names: map[int32][]string{}}
	var linked []linkedName
	err := m.walk(ctx, func(n int32, carrier int32, e *Entry) error {
		if drop(e.Header.Name) {
			return nil
		}
		m.last[e.Header.Name] = n
		if KindOf(e) == KindLinked {
			linked = append(linked, linkedName{carrier, n, e.Header.Name})
		}
		return nil
	})
	for _, l := range linked {
		if m.last[l.name] == l.entry {
			m.names[l.carrier] = append(m.names[l.carrier], l.name)
		}
	}
	return m, err
}

// linkedName is one name of a file with several: the entry that has its
// content, and its own.
type linkedName struct {
	carrier, entry int32
	name           string
}

// Walk emits each path once, as the last segment has it that names it. A file
// with several names comes first under the first that nothing replaced. A
// directory may come after what it holds.
func (m *Merged) Walk(ctx context.Context, emit Emit) error {
	return m.walk(ctx, func(n, carrier int32, e *Entry) error {
		if KindOf(e) == KindLinked {
			return m.emitLinked(n, carrier, e, emit)
		}
		if m.last[e.Header.Name] != n {
			return nil
		}
		return emit(e)
	})
}

func (m *Merged) emitLinked(n, carrier int32, e *Entry, emit Emit) error {
	names := m.names[carrier]
	switch {
	case len(names) == 0:
		return nil
	case n == carrier:
		e.Header.Name, e.Links = names[0], len(names)
		return emit(e)
	case m.last[e.Header.Name] != n || e.Header.Name == names[0]:
		return nil
	}
	e.Header.Linkname = names[0]
	return emit(e)
}

// walk calls fn with all entries of all segments, their numbers, and for a
// hard link the number of the entry that has the content.
func (m *Merged) walk(ctx context.Context, fn func(n, carrier int32, e *Entry) error) error {
	var tree Tree
	n := int32(0)
	for _, s := range m.segments {
		carriers := map[string]int32{}
		err := tree.Walk(ctx, s, func(e *Entry, _ bool) error {
			n++
			carrier := n
			if e.Header.Typeflag == tar.TypeLink {
				carrier = carriers[e.Header.Linkname]
			} else if e.Links > 1 {
				carriers[e.Header.Name] = n
			}
			return fn(n, carrier, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
