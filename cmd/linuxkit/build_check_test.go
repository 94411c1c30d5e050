package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckFindsDifferences changes an input between the two builds.
func TestCheckFindsDifferences(t *testing.T) {
	dir := t.TempDir()
	source, yaml := filepath.Join(dir, "source"), filepath.Join(dir, "x.yml")
	writeFile(t, yaml, `{init: ["conf/init:v1"], files: [{path: etc/other, contents: same}, {path: etc/random, source: `+source+`}]}`)
	for _, c := range []struct {
		format, out string
		want        []string
	}{
		{"tar", "x.tar", []string{"x.tar differs from byte ", ": 1 paths differ, the first is ~ etc/random: content"}},
		{"kernel+initrd", "", []string{"x-initrd.img differs from byte ", ": 1 paths differ, the first is ~ etc/random: content"}},
	} {
		writeFile(t, source, "first")
		o := buildOptions{arch: "amd64", names: []string{c.format}, name: "x", dir: dir, sbom: sbomOptions{off: true}}
		if c.out != "" {
			o.out = filepath.Join(dir, c.out)
		}
		if err := o.selectFormats(); err != nil {
			t.Fatal(err)
		}
		a := &app{cacheDir: copyRecorded(t), stdout: io.Discard, stderr: io.Discard}
		p, err := a.prepare(t.Context(), []string{yaml}, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.plan(t.Context()); err != nil {
			t.Fatal(err)
		}
		names, err := p.write(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.again(t.Context(), names); err != nil {
			t.Errorf("%s: nothing changed: %v", c.format, err)
		}
		writeFile(t, source, "other")
		err = p.again(t.Context(), names)
		if !errors.Is(err, errNotSame) {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v does not say %q", c.format, err, w)
			}
		}
	}
}

func TestCompareFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"same", "same", ""},
		{"same", "samy", a + " differs from byte 3 on"},
		{"same", "sam", a + " differs from byte 3 on"},
		{"", "x", a + " differs from byte 0 on"},
	} {
		writeFile(t, a, c.a)
		writeFile(t, b, c.b)
		if got, err := compareFiles(t.Context(), a, b); err != nil || got != c.want {
			t.Errorf("%q and %q: %q, %v, want %q", c.a, c.b, got, err, c.want)
		}
	}
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyRecorded returns a copy of the recorded cache.
func copyRecorded(t testing.TB) string {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(cache, os.DirFS(filepath.Join(conformanceDir, "images"))); err != nil {
		t.Fatal(err)
	}
	return cache
}
