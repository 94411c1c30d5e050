package layer

import (
	"archive/tar"
	"fmt"
)

// noInode is the inode of a directory.
const noInode = -1

// node is a name of the tree. Nodes refer to each other by their place in
// tree.nodes; 0 is the root, and none where there can be no root.
type node struct {
	name string
	// header is that of a directory with an entry of its own.
	header *tar.Header
	// The children of a directory are a doubly linked list.
	parent, child, next, prev int32
	// inode is a place in tree.inodes, noInode for a directory, or for a link
	// that is not resolved yet, a place in tree.pending: see pendingInode.
	inode int32
	// layer is that which set the node last.
	layer int32
	// seq is the entry of that layer which the node comes from.
	seq  int32
	dead bool
	// done marks directories that were emitted, or that need not be.
	done bool
}

func (n *node) isDir() bool { return n.inode == noInode }

// inode is a file: the entry its content comes from, and its names.
type inode struct {
	layer, seq int32
	// symlink is the target of a symbolic link.
	symlink string
	// first is the node that has the content, others are its further names;
	// they are found when all layers are applied.
	first  int32
	others []int32
}

// symlink returns the target of a symbolic link of the layers below; it is empty
// for all else.
func (t *tree) symlink(n int32) string {
	if t.nodes[n].isDir() {
		return ""
	}
	return t.inodes[t.nodes[n].inode].symlink
}

// tree is the state of the file system while layers are applied to it.
type tree struct {
	limits  Limits
	nodes   []node
	names   map[string]int32
	inodes  []inode
	pending []link
	layer   int32
	// symlinks counts the symbolic links that layers have had so far.
	symlinks int
	// lower has the inodes that links of the current layer mean if the layer
	// itself does not have the target, by the number of the record.
	lower map[int]int32
}

func newTree(l Limits) *tree {
	return &tree{limits: l, nodes: []node{{name: root, inode: noInode, done: true}}, names: map[string]int32{root: 0}}
}

// apply puts a layer on top of the tree.
func (t *tree) apply(layer int, x index) error {
	t.layer = int32(layer)
	if err := t.follow(x); err != nil {
		return err
	}
	t.findLower(x.records)
	for _, name := range x.whiteouts {
		if n, ok := t.names[name]; ok && n != 0 {
			t.remove(n)
		}
	}
	for _, name := range x.opaques {
		if n, ok := t.names[name]; ok {
			t.clear(n)
		}
	}
	for i := range x.records {
		if err := t.place(i, &x.records[i]); err != nil {
			return err
		}
	}
	return t.resolveAll()
}

func (t *tree) place(i int, r *record) error {
	if r.kind == kindLink && t.isSelf(i, r) {
		return nil
	}
	n, err := t.at(r.name)
	if err != nil {
		return err
	}
	switch r.kind {
	case kindDir:
		t.setDir(n, r)
	case kindLink:
		if err := t.setLink(n, i, r); err != nil {
			return err
		}
	default:
		t.clear(n)
		t.nodes[n].header = nil
		t.nodes[n].inode = int32(len(t.inodes))
		t.inodes = append(t.inodes, inode{layer: t.layer, seq: r.seq, symlink: r.target})
		if r.target != "" {
			t.symlinks++
		}
	}
	t.nodes[n].layer, t.nodes[n].seq = t.layer, r.seq
	return nil
}

func (t *tree) setDir(n int32, r *record) {
	d := &t.nodes[n]
	d.inode, d.header = noInode, r.header
}

// at returns the node of a name, a new one if there is none yet. The
// directories above it exist then.
func (t *tree) at(name string) (int32, error) {
	if n, ok := t.names[name]; ok {
		// Its parents exist, and are directories.
		return n, nil
	}
	parent, err := t.dir(parentOf(name))
	if err != nil {
		return 0, err
	}
	return t.add(parent, name)
}

// dir returns the node of a directory, which is implied if it has no entry.
func (t *tree) dir(name string) (int32, error) {
	n, ok := t.names[name]
	if !ok {
		var err error
		if n, err = t.at(name); err != nil {
			return 0, err
		}
		t.nodes[n].inode, t.nodes[n].layer = noInode, t.layer
		return n, nil
	}
	d := &t.nodes[n]
	if d.isDir() {
		return n, nil
	}
	if d.layer == t.layer {
		return 0, fmt.Errorf("%w: an entry is below %.200q, which the same layer has as something else than a directory", ErrInvalid, name)
	}
	d.inode, d.layer, d.header = noInode, t.layer, nil
	return n, nil
}

// add makes a node, the first child of its parent.
func (t *tree) add(parent int32, name string) (int32, error) {
	// Entries are bounded, and so are names that are removed again.
	if len(t.nodes) > t.limits.Entries {
		return 0, fmt.Errorf("%w: more than %d entries and directories", ErrLimit, t.limits.Entries)
	}
	n := int32(len(t.nodes))
	sibling := t.nodes[parent].child
	t.nodes = append(t.nodes, node{name: name, parent: parent, next: sibling, layer: t.layer})
	if sibling != 0 {
		t.nodes[sibling].prev = n
	}
	t.nodes[parent].child = n
	t.names[name] = n
	return n, nil
}

// remove takes a name and all below it out of the tree.
func (t *tree) remove(n int32) {
	t.clear(n)
	d := &t.nodes[n]
	if d.prev != 0 {
		t.nodes[d.prev].next = d.next
	} else {
		t.nodes[d.parent].child = d.next
	}
	if d.next != 0 {
		t.nodes[d.next].prev = d.prev
	}
	t.drop(n)
}

// clear takes all that a directory holds out of the tree. Its time is in
// proportion to what it removes, and each node is removed once.
func (t *tree) clear(n int32) {
	stack := t.takeChildren(n, nil)
	for len(stack) > 0 {
		last := stack[len(stack)-1]
		stack = t.takeChildren(last, stack[:len(stack)-1])
		t.drop(last)
	}
}

func (t *tree) takeChildren(n int32, list []int32) []int32 {
	for c := t.nodes[n].child; c != 0; c = t.nodes[c].next {
		list = append(list, c)
	}
	t.nodes[n].child = 0
	return list
}

func (t *tree) drop(n int32) {
	d := &t.nodes[n]
	delete(t.names, d.name)
	d.dead, d.header, d.name = true, nil, ""
}
