package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	if err := WriteFile(name, text("one")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := WriteFile(name, func(w io.Writer) error {
		_, err := io.WriteString(w, "half of two")
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	checkFiles(t, dir, map[string]string{"out": "one"})
	if err := WriteFile(name, text("three")); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, dir, map[string]string{"out": "three"})
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

func TestFileSet(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x-cmdline"), []byte("of an earlier run"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newFileSet(filepath.Join(dir, "x"), []string{"-kernel", "-cmdline"})
	if err := s.write("-kernel", func(f *os.File) error { return text("k")(f) }); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, dir, map[string]string{"x-cmdline": "of an earlier run"})
	if _, err := s.commit(); err != nil {
		t.Fatal(err)
	}
	s.discard()
	checkFiles(t, dir, map[string]string{"x-kernel": "k"})
}

// TestNamedTemp covers file systems that cannot make a file without a name.
func TestNamedTemp(t *testing.T) {
	dir := t.TempDir()
	f, err := os.CreateTemp(dir, ".x.tmp-*")
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(f, filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, dir, map[string]string{"x": ""})
}

func TestNoDirectory(t *testing.T) {
	if err := WriteFile(filepath.Join(t.TempDir(), "no", "such"), text("x")); err == nil {
		t.Error("no error for a directory that does not exist")
	}
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
