package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTrim(t *testing.T) {
	base := t.TempDir()
	l := logs{services: filepath.Join(base, "services"), dir: filepath.Join(base, "log"), limit: 10}
	if err := l.trim(); err != nil {
		t.Errorf("without services: %v", err)
	}
	for _, dir := range []string{"services/web", "services/linked", "services/silent", "log"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const long, short = "0123456789 and more\n", "short\n"
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("web.out.log", long)
	write("web.log", short)
	write("other.log", long)
	if err := os.Symlink("other.log", filepath.Join(l.dir, "linked.log")); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(filepath.Join(l.dir, "web.out.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	for range 2 { // an older ".0" gives way
		if err := l.trim(); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.WriteString("after it, another long line\n"); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"web.out.log": "after it, another long line\n", "web.out.log.0": "after it, another long line\n",
		"web.log": short, "other.log": long,
	} {
		if raw, err := os.ReadFile(filepath.Join(l.dir, name)); err != nil || string(raw) != want {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
	for _, name := range []string{"web.log.0", "other.log.0", "linked.log.0", "silent.log.0"} {
		if _, err := os.Lstat(filepath.Join(l.dir, name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}
