package fsimage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Inode is a file, whatever its names.
type Inode[D any] struct {
	Entry
	// Links is the number of names in the tree.
	Links uint32
	// Data is what the format keeps of the file.
	Data D
}

// Node is one name of the tree.
type Node[D any] struct {
	Name     string
	Parent   *Node[D] // nil for the root
	Inode    *Inode[D]
	children map[string]*Node[D]
}

// IsDir tells whether the node is a directory.
func (n *Node[D]) IsDir() bool { return n.Inode.Mode&TypeMask == TypeDir }

// Children returns the names in the directory, in the order of their bytes.
func (n *Node[D]) Children() []*Node[D] {
	names := slices.Sorted(maps.Keys(n.children))
	nodes := make([]*Node[D], len(names))
	for i, name := range names {
		nodes[i] = n.children[name]
	}
	return nodes
}

// Tree collects entries in any order. Directories that no entry names have
// the permissions 0755 and belong to root. The last entry of a name stays,
// where directories keep what is in them.
type Tree[D any] struct {
	Root *Node[D]
}

// NewTree returns a tree with an implied root.
func NewTree[D any]() *Tree[D] {
	return &Tree[D]{Root: newDir[D]("", nil)}
}

func newDir[D any](name string, parent *Node[D]) *Node[D] {
	return &Node[D]{Name: name, Parent: parent, Inode: &Inode[D]{Entry: Entry{Mode: TypeDir | 0o755}, Links: 1}}
}

// Add puts the entry into the tree, with the time given if it has none. For a
// hard link it returns the file that is there already. Errors wrap
// [ErrUnsupported] or [ErrOrder], or are those of a check of the extended
// attributes, which may be nil.
func (t *Tree[D]) Add(e Entry, usual time.Time, xattrs func(Entry) error) (*Inode[D], error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	if e.ModTime.IsZero() {
		e.ModTime = usual
	}
	if e.HardLink == "" && xattrs != nil {
		if err := xattrs(e); err != nil {
			return nil, err
		}
	}
	if e.HardLink != "" {
		return t.link(e)
	}
	inode := &Inode[D]{Entry: e}
	inode.Path = ""
	return inode, t.set(e.Path, inode)
}

func (t *Tree[D]) link(e Entry) (*Inode[D], error) {
	target := t.find(e.HardLink)
	if target == nil || target.IsDir() {
		return nil, fmt.Errorf("%w: a hard link to %q, which is no file", ErrOrder, e.HardLink)
	}
	if t.find(e.Path) == target {
		return target.Inode, nil
	}
	return target.Inode, t.set(e.Path, target.Inode)
}

func (t *Tree[D]) set(p string, inode *Inode[D]) error {
	isDir := inode.Mode&TypeMask == TypeDir
	if p == "" || p == "." {
		if !isDir {
			return fmt.Errorf("%w: the root has to be a directory", ErrUnsupported)
		}
		inode.Links, t.Root.Inode = 1, inode
		return nil
	}
	parent, name, err := t.parent(p)
	if err != nil {
		return err
	}
	inode.Links++
	if old := parent.children[name]; old != nil {
		if isDir && old.IsDir() {
			old.Inode = inode
			return nil
		}
		old.drop()
	}
	parent.put(&Node[D]{Name: name, Parent: parent, Inode: inode})
	return nil
}

func (n *Node[D]) put(child *Node[D]) {
	if n.children == nil {
		n.children = map[string]*Node[D]{}
	}
	n.children[child.Name] = child
}

// drop takes the names at and below the node from their files.
func (n *Node[D]) drop() {
	n.Inode.Links--
	for _, c := range n.children {
		c.drop()
	}
}

// parent finds or makes the directory that the path is in.
func (t *Tree[D]) parent(p string) (*Node[D], string, error) {
	n := t.Root
	for {
		name, rest, more := strings.Cut(p, "/")
		if !more {
			return n, name, nil
		}
		next := n.children[name]
		if next == nil {
			next = newDir(name, n)
			n.put(next)
		}
		if !next.IsDir() {
			return nil, "", fmt.Errorf("%w: its parent %q is no directory", ErrOrder, name)
		}
		n, p = next, rest
	}
}

func (t *Tree[D]) find(p string) *Node[D] {
	n := t.Root
	if p == "" || p == "." {
		return n
	}
	for name := range strings.SplitSeq(p, "/") {
		if n = n.children[name]; n == nil {
			return nil
		}
	}
	return n
}
