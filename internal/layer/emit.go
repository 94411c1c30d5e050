package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// emitter produces the entries of a finished tree.
type emitter struct {
	tree *tree
	keep func(string) bool
	emit func(*Entry) error
	// plan has, for each entry of each layer, the node to emit then; 0 is
	// none.
	plan [][]int32
}

func newEmitter(t *tree, indexes []index, keep func(string) bool, emit func(*Entry) error) *emitter {
	e := &emitter{tree: t, keep: keep, emit: emit, plan: make([][]int32, len(indexes))}
	for i, x := range indexes {
		e.plan[i] = make([]int32, x.count)
	}
	for i := 1; i < len(t.nodes); i++ {
		e.planNode(int32(i))
	}
	for i := range e.plan {
		e.plan[i] = trim(e.plan[i])
	}
	t.names = nil
	return e
}

// trim cuts off the entries at the end that nothing is made of.
func trim(plan []int32) []int32 {
	for len(plan) > 0 && plan[len(plan)-1] == 0 {
		plan = plan[:len(plan)-1]
	}
	return plan
}

func (e *emitter) planNode(n int32) {
	d := &e.tree.nodes[n]
	if d.dead {
		return
	}
	kept := e.keep == nil || e.keep(d.name)
	if d.isDir() {
		if d.header != nil && kept {
			e.plan[d.layer][d.seq] = n
		} else {
			d.header = nil
		}
		return
	}
	if !kept {
		return
	}
	i := &e.tree.inodes[d.inode]
	switch {
	case i.first == 0:
		i.first = n
	case d.layer == i.layer && d.seq == i.seq:
		// The name that the content came with.
		i.others = slices.Insert(i.others, 0, i.first)
		i.first = n
	default:
		i.others = append(i.others, n)
		return
	}
	e.plan[i.layer][i.seq] = i.first
}

// layer reads a layer once more and emits what is left of it.
func (e *emitter) layer(ctx context.Context, i int, s *source) error {
	defer s.release()
	plan := e.plan[i]
	e.plan[i] = nil
	if len(plan) == 0 {
		return nil
	}
	r, err := s.open(ctx, true)
	if err != nil {
		return s.wrap(err)
	}
	defer r.Close()
	w := &walk{emitter: e, ctx: ctx, tar: tar.NewReader(r)}
	for _, n := range plan {
		if err := w.entry(n); err != nil {
			var own *emitError
			if errors.As(err, &own) {
				return own.err
			}
			return s.wrap(err)
		}
	}
	return nil
}

// emitError carries an error of the callback past those of the layer.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }

// walk is the emitting pass over one layer.
type walk struct {
	*emitter
	ctx context.Context
	tar *tar.Reader
}

// entry reads the next entry and emits it as node n, if that is not 0.
func (w *walk) entry(n int32) error {
	h, err := w.tar.Next()
	if errors.Is(err, io.EOF) {
		return errors.New("it is shorter than when it was read before")
	}
	if err != nil || n == 0 {
		return err
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	d := &w.tree.nodes[n]
	if d.isDir() {
		return w.dir(n)
	}
	if err := w.parents(n); err != nil {
		return err
	}
	return w.file(h, d)
}

// dir emits a directory and those above it, unless that was done.
func (w *walk) dir(n int32) error {
	d := &w.tree.nodes[n]
	if d.done {
		return nil
	}
	if err := w.parents(n); err != nil {
		return err
	}
	d.done = true
	if d.header == nil {
		return nil
	}
	h := d.header
	d.header = nil
	return w.send(&Entry{Header: tidy(h, d.name), Links: 1})
}

// parents emits the directories above node n that were not emitted yet, the
// outermost first.
func (w *walk) parents(n int32) error {
	var missing []int32
	for p := w.tree.nodes[n].parent; !w.tree.nodes[p].done; p = w.tree.nodes[p].parent {
		missing = append(missing, p)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := w.dir(missing[i]); err != nil {
			return err
		}
	}
	return nil
}

// file emits a file under its first name, and its other names after it.
func (w *walk) file(h *tar.Header, d *node) error {
	if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeLink {
		return fmt.Errorf("entry %q is not what it was when it was read before", h.Name)
	}
	i := &w.tree.inodes[d.inode]
	links := 1 + len(i.others)
	tidy(h, d.name)
	// The receiver may change the header, so the links have their own.
	other := *h
	e := &Entry{Header: h, Links: links}
	if h.Size > 0 {
		e.Content = &contextReader{w.ctx, w.tar}
	}
	if err := w.send(e); err != nil {
		return err
	}
	other.Typeflag, other.Linkname, other.Size, other.Devmajor, other.Devminor = tar.TypeLink, d.name, 0, 0, 0
	for _, n := range i.others {
		if err := w.parents(n); err != nil {
			return err
		}
		link := other
		link.Name = w.tree.nodes[n].name
		if err := w.send(&Entry{Header: &link, Links: links}); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) send(e *Entry) error {
	if err := w.emit(e); err != nil {
		return &emitError{err}
	}
	return nil
}

// tidy gives a header its final form and returns it.
func tidy(h *tar.Header, name string) *tar.Header {
	h.Name = name
	switch h.Typeflag {
	case tar.TypeCont, tar.TypeGNUSparse:
		h.Typeflag = tar.TypeReg
	case tar.TypeReg, tar.TypeSymlink:
	default:
		h.Linkname = ""
	}
	if h.Typeflag != tar.TypeReg {
		h.Size = 0
	}
	h.PAXRecords = ownRecords(h.PAXRecords)
	h.Format = tar.FormatPAX
	return h
}

// ownRecords returns those records that no field of the header holds.
func ownRecords(all map[string]string) map[string]string {
	for k := range all {
		// Keys without a dot are those of POSIX and of fields.
		if !strings.Contains(k, ".") || strings.HasPrefix(k, "GNU.sparse.") {
			delete(all, k)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
