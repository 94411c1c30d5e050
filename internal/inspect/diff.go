package inspect

import (
	"archive/tar"
	"fmt"
	"slices"
)

// Difference is a path that two trees do not have in common.
type Difference struct {
	Name string `json:"name"`
	// Kind is "added", "removed" or "changed", seen from the first tree.
	Kind string `json:"kind"`
	// Size is that of the file before and after.
	Before int64 `json:"before"`
	After  int64 `json:"after"`
	// Changes are what is different.
	Changes []Change `json:"changes,omitempty"`
}

// Change is one property that differs: "type", "mode", "owner", "size",
// "content", "link", "device" or "time".
type Change struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Comparison is how two trees differ.
type Comparison struct {
	Differences []Difference `json:"differences"`
	Added       int          `json:"added"`
	Removed     int          `json:"removed"`
	Changed     int          `json:"changed"`
	// Before and After are the sizes of the trees in bytes.
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// Equal tells whether there are no differences.
func (c *Comparison) Equal() bool { return len(c.Differences) == 0 }

// DiffOptions say what counts as a difference besides the obvious.
type DiffOptions struct {
	// Times compares the times of modification, to the second.
	Times bool
}

// Diff compares two trees. Where the files of one tree come from makes no
// difference.
func Diff(a, b *Tree, opts DiffOptions) *Comparison {
	c := &Comparison{Differences: []Difference{}}
	for _, p := range pairs(a, b) {
		c.add(p.a, p.b, opts)
	}
	for _, e := range a.Entries {
		c.Before += e.Own()
	}
	for _, e := range b.Entries {
		c.After += e.Own()
	}
	return c
}

// pair is one path in two trees; an entry is nil where there is none.
type pair struct{ a, b *Entry }

// pairs returns all paths of both, sorted.
func pairs(a, b *Tree) []pair {
	var all []pair
	i, j := 0, 0
	for i < len(a.Entries) || j < len(b.Entries) {
		switch {
		case j == len(b.Entries) || i < len(a.Entries) && a.Entries[i].Name < b.Entries[j].Name:
			all = append(all, pair{a: a.Entries[i]})
			i++
		case i == len(a.Entries) || a.Entries[i].Name > b.Entries[j].Name:
			all = append(all, pair{b: b.Entries[j]})
			j++
		default:
			all = append(all, pair{a.Entries[i], b.Entries[j]})
			i, j = i+1, j+1
		}
	}
	return all
}

func (c *Comparison) add(a, b *Entry, opts DiffOptions) {
	switch {
	case b == nil:
		c.Removed++
		c.Differences = append(c.Differences, Difference{Name: a.Name, Kind: "removed", Before: a.size()})
	case a == nil:
		c.Added++
		c.Differences = append(c.Differences, Difference{Name: b.Name, Kind: "added", After: b.size()})
	default:
		if changes := compare(a, b, opts); len(changes) > 0 {
			c.Changed++
			c.Differences = append(c.Differences, Difference{Name: a.Name, Kind: "changed", Before: a.size(), After: b.size(), Changes: changes})
		}
	}
}

// size is that of the file, whether or not it has other names.
func (e *Entry) size() int64 {
	if e.Content == nil {
		return 0
	}
	return e.Content.Size
}

// compare returns what differs. The mode of a symbolic link means nothing.
func compare(a, b *Entry, opts DiffOptions) []Change {
	var all []Change
	add := func(what, before, after string) {
		if before != after {
			all = append(all, Change{what, before, after})
		}
	}
	add("type", a.TypeName(), b.TypeName())
	if a.Type != b.Type {
		return all
	}
	bare := a.Bare || b.Bare
	if a.Type != tar.TypeSymlink && !bare {
		add("mode", fmt.Sprintf("%04o", a.Mode), fmt.Sprintf("%04o", b.Mode))
	}
	if !bare {
		add("owner", fmt.Sprintf("%d:%d", a.UID, a.GID), fmt.Sprintf("%d:%d", b.UID, b.GID))
	}
	add("link", a.Link, b.Link)
	add("device", fmt.Sprintf("%d:%d", a.Major, a.Minor), fmt.Sprintf("%d:%d", b.Major, b.Minor))
	if a.Content != nil && b.Content != nil {
		add("size", fmt.Sprint(a.Content.Size), fmt.Sprint(b.Content.Size))
		if a.Content.Size == b.Content.Size {
			add("content", a.Content.Hex(), b.Content.Hex())
		}
	}
	if opts.Times && !bare {
		add("time", a.ModTime.UTC().Format("2006-01-02 15:04:05"), b.ModTime.UTC().Format("2006-01-02 15:04:05"))
	}
	return slices.Clip(all)
}
