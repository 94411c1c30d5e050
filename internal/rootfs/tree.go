package rootfs

import (
	"archive/tar"
	"context"
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

// Walk emits the entries of s, which comes after all that the tree knows, and
// adds them to the tree. Broken tells whether the path was one of several names
// of a file of an earlier segment. Errors are those of [Segment.Walk], or wrap
// [ErrConflict].
func (t *Tree) Walk(ctx context.Context, s *Segment, emit func(e *Entry, broken bool) error) error {
	t.Begin(s)
	return s.Walk(ctx, t, func(e *Entry) error {
		broken, err := t.Add(e.Header.Name, KindOf(e))
		if err != nil {
			return err
		}
		return emit(e, broken)
	})
}

// AddParents adds the directories above name that nothing has made so far and
// returns them, the outermost first.
func (t *Tree) AddParents(name string) (missing []string, err error) {
	for i, c := range name {
		if c != '/' || t.HasDir(name[:i]) {
			continue
		}
		if _, err := t.Add(name[:i], KindDir); err != nil {
			return nil, err
		}
		missing = append(missing, name[:i])
	}
	return missing, nil
}

// Begin starts recording the paths of s, for who knows them without walking.
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
