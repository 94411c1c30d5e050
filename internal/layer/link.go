package layer

import "fmt"

// link is a hard link whose target comes later in its layer, or is below it.
type link struct {
	node   int32
	target string
	// lower is the inode below the layer, or noInode.
	lower int32
	state linkState
}

type linkState byte

const (
	linkOpen linkState = iota
	linkVisiting
	linkResolved
)

// pendingInode is the inode of the node of pending link k, and the other way
// round.
func pendingInode(k int32) int32 { return noInode - 1 - k }

// findLower notes which files of the layers below the links of a layer could
// mean, before the layer removes any.
func (t *tree) findLower(records []record) {
	t.lower = nil
	for i := range records {
		r := &records[i]
		if r.kind != kindLink {
			continue
		}
		if n, ok := t.names[r.target]; ok && !t.nodes[n].isDir() {
			if t.lower == nil {
				t.lower = make(map[int]int32)
			}
			t.lower[i] = t.nodes[n].inode
		}
	}
}

// isSelf tells whether a link leads to its own name, which changes nothing.
func (t *tree) isSelf(i int, r *record) bool {
	if r.name != r.target {
		return false
	}
	n, ok := t.names[r.name]
	return ok && !t.nodes[n].isDir()
}

// setLink makes node n a name of the file that link record i means.
func (t *tree) setLink(n int32, i int, r *record) error {
	// Look first: what is cleared may hold the target.
	inode := int32(noInode)
	if target, ok := t.names[r.target]; ok && target != n && t.nodes[target].layer == t.layer {
		if t.nodes[target].isDir() {
			return dirLinkError(r.name, r.target)
		}
		inode = t.nodes[target].inode
	}
	t.clear(n)
	d := &t.nodes[n]
	d.header = nil
	if inode >= 0 {
		d.inode = inode
		return nil
	}
	lower, ok := t.lower[i]
	if !ok {
		lower = noInode
	}
	d.inode = pendingInode(int32(len(t.pending)))
	t.pending = append(t.pending, link{node: n, target: r.target, lower: lower})
	return nil
}

// resolveAll resolves the pending links at the end of a layer.
func (t *tree) resolveAll() error {
	for k := range t.pending {
		if err := t.resolve(int32(k)); err != nil {
			return err
		}
	}
	t.pending = t.pending[:0]
	return nil
}

// resolve follows a chain of pending links to its end.
func (t *tree) resolve(k int32) error {
	var chain []int32
	for {
		p := &t.pending[k]
		if p.state == linkResolved || !t.isPending(p.node, k) {
			break
		}
		if p.state == linkVisiting {
			return fmt.Errorf("%w: hard link %.200q leads back to itself", ErrInvalid, t.nodes[p.node].name)
		}
		p.state = linkVisiting
		chain = append(chain, k)
		n, ok := t.names[p.target]
		if !ok || t.nodes[n].layer != t.layer || t.nodes[n].inode > noInode || t.nodes[n].isDir() {
			break
		}
		k = pendingInode(t.nodes[n].inode)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if err := t.resolveOne(&t.pending[chain[i]]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) isPending(n, k int32) bool {
	return !t.nodes[n].dead && t.nodes[n].inode == pendingInode(k)
}

// resolveOne resolves a link whose target is no pending link.
func (t *tree) resolveOne(p *link) error {
	d := &t.nodes[p.node]
	p.state = linkResolved
	if n, ok := t.names[p.target]; ok && t.nodes[n].layer == t.layer {
		if t.nodes[n].isDir() {
			return dirLinkError(d.name, p.target)
		}
		d.inode = t.nodes[n].inode
		return nil
	}
	if p.lower == noInode {
		return fmt.Errorf("%w: hard link %.200q leads to %.200q, which neither this layer nor one below has as a file", ErrInvalid, d.name, p.target)
	}
	d.inode = p.lower
	return nil
}

func dirLinkError(name, target string) error {
	return fmt.Errorf("%w: hard link %.200q leads to the directory %.200q", ErrInvalid, name, target)
}
