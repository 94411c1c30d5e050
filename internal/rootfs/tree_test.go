package rootfs

import (
	"errors"
	"slices"
	"testing"
)

func TestTreeWalk(t *testing.T) {
	var tree Tree
	var broken []string
	for _, s := range []*Segment{
		segmentOf("1", "a/", "a/one=x*2", "a/two>a/one", "a/plain=x"),
		segmentOf("2", "a/", "a/one=y", "a/plain=y", "a/new=y*2"),
		segmentOf("3", "a/one=z", "b/c/file=z"),
	} {
		err := tree.Walk(t.Context(), s, func(e *Entry, b bool) error {
			if b {
				broken = append(broken, e.Header.Name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a/one"}; !slices.Equal(broken, want) {
		t.Errorf("broken are %q, want %q", broken, want)
	}
	if !tree.HasDir("a") || tree.HasDir("a/one") || tree.HasDir("b") {
		t.Error("wrong directories")
	}
	for name, want := range map[string][]string{"b/c/file": {"b", "b/c"}, "a/d/e": {"a/d"}, "top": nil} {
		if got, err := tree.AddParents(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("parents of %s: %q, %v, want %q", name, got, err, want)
		}
		if got, err := tree.AddParents(name); err != nil || len(got) > 0 {
			t.Errorf("parents of %s again: %q, %v", name, got, err)
		}
	}
	if _, err := tree.AddParents("a/plain/x"); !errors.Is(err, ErrConflict) {
		t.Errorf("below a file: %v", err)
	}
	err := tree.Walk(t.Context(), segmentOf("4", "a/one/"), func(*Entry, bool) error { t.Error("a conflict was emitted"); return nil })
	if !errors.Is(err, ErrConflict) {
		t.Errorf("a directory over a file: %v", err)
	}
}
