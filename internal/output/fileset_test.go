package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestFileSet names files together and removes one of an earlier run.
func TestFileSet(t *testing.T) {
	dir := t.TempDir()
	earlier := filepath.Join(dir, "x-cmdline")
	if err := os.WriteFile(earlier, []byte("of an earlier run"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newFileSet(filepath.Join(dir, "x"), []string{"-kernel", "-initrd.img", "-cmdline"})
	for _, suffix := range s.suffixes[:2] {
		err := s.write(suffix, func(f *os.File) error {
			_, err := io.WriteString(f, suffix)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	checkFiles(t, dir, map[string]string{"x-cmdline": "of an earlier run"})
	if _, err := s.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.discard()
	checkFiles(t, dir, map[string]string{"x-kernel": "-kernel", "x-initrd.img": "-initrd.img"})
}

func TestFileSetDiscarded(t *testing.T) {
	dir := t.TempDir()
	s := newFileSet(filepath.Join(dir, "x"), []string{"-kernel"})
	broken := errors.New("broken")
	if err := s.write("-kernel", func(f *os.File) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	s.discard()
	checkFiles(t, dir, nil)
}

func checkFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %d: %v", len(entries), len(want), entries)
	}
	for name, content := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != content {
			t.Errorf("%s is %q, %v; want %q", name, got, err, content)
		}
	}
}
