package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// segmentOf makes a segment from lines: "dir/", "file=content", "link>target"
// and, as the carrier of n names, "file=content*n".
func segmentOf(key string, lines ...string) *Segment {
	return &Segment{Source: "test", Location: key, Key: key, walk: func(_ context.Context, _ *Tree, emit Emit) error {
		for _, line := range lines {
			if err := emit(entryOf(line)); err != nil {
				return err
			}
		}
		return nil
	}}
}

func entryOf(line string) *Entry {
	if name, ok := strings.CutSuffix(line, "/"); ok {
		return dirEntry(name, 0o755)
	}
	if name, target, ok := strings.Cut(line, ">"); ok {
		return &Entry{Header: &tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}, Links: 1}
	}
	name, content, _ := strings.Cut(line, "=")
	content, links, shared := strings.Cut(content, "*")
	e := fileEntry(name, 0o644, []byte(content))
	if shared {
		fmt.Sscan(links, &e.Links)
	}
	return e
}

func lineOf(e *Entry) string {
	switch e.Header.Typeflag {
	case tar.TypeDir:
		return e.Header.Name + "/"
	case tar.TypeLink:
		return e.Header.Name + ">" + e.Header.Linkname
	}
	content, _ := io.ReadAll(e.Content)
	line := e.Header.Name + "=" + string(content)
	if e.Links > 1 {
		line += fmt.Sprintf("*%d", e.Links)
	}
	return line
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name     string
		segments [][]string
		want     []string
	}{
		{"one", [][]string{{"a/", "a/b=1"}}, []string{"a/", "a/b=1"}},
		{"the last file", [][]string{{"a=1", "b=2"}, {"a=3"}}, []string{"b=2", "a=3"}},
		{"the last directory", [][]string{{"a/", "a/b=1"}, {"a/"}}, []string{"a/b=1", "a/"}},
		{"twice in one", [][]string{{"a=1", "a=2"}}, []string{"a=2"}},
		{"links", [][]string{{"a=1*2", "b>a"}}, []string{"a=1*2", "b>a"}},
		{"a later file in place of the first name", [][]string{{"a=1*3", "b>a", "c>a"}, {"a=2"}}, []string{"b=1*2", "c>b", "a=2"}},
		{"a later file in place of another name", [][]string{{"a=1*2", "b>a"}, {"b=2"}}, []string{"a=1", "b=2"}},
		{"a later file in place of all names", [][]string{{"a=1*2", "b>a"}, {"a=2", "b=3"}}, []string{"a=2", "b=3"}},
		{"links twice", [][]string{{"a=1*2", "b>a"}, {"a=2*2", "b>a"}}, []string{"a=2*2", "b>a"}},
		{"links crosswise", [][]string{{"a=1*2", "b>a"}, {"b=2*2", "c>b"}}, []string{"a=1", "b=2*2", "c>b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var segments []*Segment
			for i, lines := range c.segments {
				segments = append(segments, segmentOf(fmt.Sprint(i), lines...))
			}
			m, err := Merge(t.Context(), segments)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				var got []string
				if err := m.Walk(t.Context(), func(e *Entry) error { got = append(got, lineOf(e)); return nil }); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestMergeWithout(t *testing.T) {
	for _, c := range []struct{ have, want []string }{
		{[]string{"boot/", "boot/a=1", "b=2"}, []string{"b=2"}},
		{[]string{"boot/a=1*3", "b>boot/a", "c>boot/a"}, []string{"b=1*2", "c>b"}},
		{[]string{"a=1*2", "boot/b>a"}, []string{"a=1"}},
		{[]string{"boot/a=1*2", "boot/b>boot/a"}, nil},
	} {
		m, err := MergeWithout(t.Context(), []*Segment{segmentOf("", c.have...)}, func(path string) bool { return strings.HasPrefix(path, "boot") })
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := m.Walk(t.Context(), func(e *Entry) error { got = append(got, lineOf(e)); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.have, got, c.want)
		}
	}
}

func TestMergeConflict(t *testing.T) {
	_, err := Merge(t.Context(), []*Segment{segmentOf("x", "a/"), segmentOf("y", "a=1")})
	if !errors.Is(err, ErrConflict) {
		t.Errorf("error %v", err)
	}
}

func TestIdentity(t *testing.T) {
	generated := func(lines ...string) *Segment { s := segmentOf("", lines...); return s }
	same := []*Segment{segmentOf("k", "a=1"), generated("b=2")}
	id := func(segments ...*Segment) string {
		got, err := Identity(t.Context(), segments)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if id(same...) != id(segmentOf("k", "not read"), generated("b=2")) {
		t.Error("equal trees differ")
	}
	for name, other := range map[string][]*Segment{
		"key":     {segmentOf("l", "a=1"), generated("b=2")},
		"content": {segmentOf("k", "a=1"), generated("b=3")},
		"name":    {segmentOf("k", "a=1"), generated("c=2")},
		"order":   {generated("b=2"), segmentOf("k", "a=1")},
		"more":    {segmentOf("k", "a=1"), generated("b=2"), generated()},
	} {
		if id(other...) == id(same...) {
			t.Errorf("other %s, same identity", name)
		}
	}
}
