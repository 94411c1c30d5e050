package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
)

// ErrConflict means that a directory and something else claim the same path.
var ErrConflict = errors.New("conflicting types for one path")

// Kind is what a path of the tree is.
type Kind byte

// The kinds a [Tree] tells apart.
const (
	KindDir  Kind = 'd'
	KindFile Kind = 'f'
	// KindLinked is a file with several names.
	KindLinked Kind = 'h'
)

// KindOf returns the kind of an entry.
func KindOf(e *Entry) Kind {
	switch {
	case e.Header.Typeflag == tar.TypeDir:
		return KindDir
	case e.Header.Typeflag == tar.TypeLink || e.Links > 1:
		return KindLinked
	default:
		return KindFile
	}
}

// Tree knows which segment made each path so far. It finds conflicts between
// segments and tells generated segments which directories exist. The zero
// value is empty and ready to use.
type Tree struct {
	paths    map[string]node
	segments []*Segment
	// apk lists the segments that hold an apk database.
	apk []*Segment
}

type node struct {
	kind    Kind
	segment int32
}

// Begin starts recording the paths of s.
func (t *Tree) Begin(s *Segment) {
	if t.paths == nil {
		t.paths = make(map[string]node)
	}
	t.segments = append(t.segments, s)
}

// Add records a path of the current segment. It returns an error wrapping
// [ErrConflict] if an earlier segment made a directory where this one has
// something else, or the other way round. Broken reports that the path was
// one of several names of a file of an earlier segment.
func (t *Tree) Add(name string, kind Kind) (broken bool, err error) {
	current := int32(len(t.segments) - 1)
	old, ok := t.paths[name]
	if ok && (old.kind == KindDir) != (kind == KindDir) {
		return false, t.conflict(name, old, kind)
	}
	if name == apkDatabase {
		t.apk = append(t.apk, t.segments[current])
	}
	t.paths[name] = node{kind, current}
	return ok && old.kind == KindLinked && old.segment != current, nil
}

// HasDir reports whether a directory of that name exists.
func (t *Tree) HasDir(name string) bool {
	return t.paths[name].kind == KindDir
}

func (t *Tree) conflict(name string, old node, kind Kind) error {
	was, is := "a file", "a directory"
	if old.kind == KindDir {
		was, is = is, was
	}
	first, second := t.segments[old.segment], t.segments[len(t.segments)-1]
	return fmt.Errorf("%w: /%s is %s in %s (%s) and %s in %s (%s); remove one of them or change the image",
		ErrConflict, name, was, first.Location, first.Source, is, second.Location, second.Source)
}
