package fat

import (
	"fmt"
	"io"
	"strings"
)

// node is a file or directory.
type node struct {
	name     string
	short    [11]byte
	long     []uint16 // nil if the short name says it all
	dir      bool
	attr     byte
	size     int64 // of files
	data     io.ReaderAt
	parent   *node
	children []*node
	byName   map[string]*node // by folded name
	cluster  int64            // first one; 0 is none
	slots    int64            // directory entries of a directory
}

// makeTree returns the root with all below it, and the nodes of the files.
func makeTree(files []File, label bool) (*node, []*node, error) {
	root := &node{dir: true, byName: map[string]*node{}}
	nodes := make([]*node, len(files))
	for i, f := range files {
		n, err := root.add(f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		nodes[i] = n
	}
	if label {
		root.slots = 1
	}
	return root, nodes, root.finish()
}

// add puts a file into the tree.
func (n *node) add(f File) (*node, error) {
	if f.Size > MaxFile {
		return nil, fmt.Errorf("%d bytes: %w", f.Size, ErrFileTooLarge)
	}
	if f.Size < 0 || f.Size > 0 && (f.Data == nil || f.Dir) || f.Attr&^(ReadOnly|Hidden|System) != 0 {
		return nil, fmt.Errorf("size of %d bytes or attributes %#x do not fit what it is", f.Size, f.Attr)
	}
	parts := strings.Split(f.Path, "/")
	for _, part := range parts[:len(parts)-1] {
		dir, err := n.child(part, true)
		if err != nil {
			return nil, err
		}
		n = dir
	}
	leaf, err := n.child(parts[len(parts)-1], f.Dir)
	if err != nil {
		return nil, err
	}
	leaf.attr, leaf.size, leaf.data = f.Attr, f.Size, f.Data
	return leaf, nil
}

// child returns a new entry, or the directory of that name if one is wanted.
func (n *node) child(name string, dir bool) (*node, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	key := strings.ToUpper(name)
	if old := n.byName[key]; old != nil {
		if old.dir && dir && old.name == name {
			return old, nil
		}
		return nil, fmt.Errorf("name %q is there already as %q", name, old.name)
	}
	c := &node{name: name, dir: dir, parent: n}
	if dir {
		c.byName = map[string]*node{}
		c.slots = 2 // . and ..
	}
	n.byName[key] = c
	n.children = append(n.children, c)
	return c, nil
}

// maxSlots is how many entries a directory may have.
const maxSlots = 1 << 16

// finish gives all children their short names and counts entries.
func (n *node) finish() error {
	if err := n.shorten(); err != nil {
		return err
	}
	for _, c := range n.children {
		n.slots += 1 + int64(longEntries(c.long))
		if c.dir {
			if err := c.finish(); err != nil {
				return err
			}
		}
	}
	if n.slots > maxSlots {
		return fmt.Errorf("directory %q needs %d entries, more than %d", n.name, n.slots, maxSlots)
	}
	return nil
}

// walk calls fn for every directory, parents first.
func (n *node) walk(fn func(*node)) {
	fn(n)
	for _, c := range n.children {
		if c.dir {
			c.walk(fn)
		}
	}
}
