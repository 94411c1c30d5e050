package atomicfile

import (
	"context"
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

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	if err := Write(t.Context(), name, 0o640, text("one")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(t.Context(), name, 0o640, func(w io.Writer) error {
		return errors.Join(text("half of two")(w), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	checkFiles(t, dir, map[string]string{"out": "one"})
	if err := WriteBytes(t.Context(), name, 0o600, []byte("three")); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, dir, map[string]string{"out": "three"})
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

// TestVolatile replaces files that nobody waits for.
func TestVolatile(t *testing.T) {
	dir := t.TempDir()
	for _, s := range []string{"one", "two", "three"} {
		f, err := Create(filepath.Join(dir, "out"), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.Volatile = true
		if err := errors.Join(text(s)(f), f.Commit(t.Context())); err != nil {
			t.Fatal(err)
		}
		checkFiles(t, dir, map[string]string{"out": s})
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := Create(filepath.Join(dir, "d"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	f.Volatile = true
	if err := f.Commit(t.Context()); err == nil {
		t.Error("a directory was replaced")
	}
}

// TestCancelled wants nothing to appear, under no name, once the work is
// cancelled.
func TestCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := Write(ctx, filepath.Join(dir, "out"), 0o644, func(w io.Writer) error {
		cancel()
		return text("x")(w)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	checkFiles(t, dir, nil)
}

func TestClose(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "out"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(text("x")(f), f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	checkFiles(t, dir, nil)
}

// TestNamed covers file systems that cannot make a file without a name.
func TestNamed(t *testing.T) {
	dir := t.TempDir()
	for _, commit := range []bool{false, true} {
		temp, err := os.CreateTemp(dir, ".x.tmp-*")
		if err != nil {
			t.Fatal(err)
		}
		f := &File{File: temp, name: filepath.Join(dir, "x"), mode: 0o644}
		if commit {
			err = f.Commit(t.Context())
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if !commit {
			checkFiles(t, dir, nil)
		}
	}
	checkFiles(t, dir, map[string]string{"x": ""})
}

func TestCannotCreate(t *testing.T) {
	dir := t.TempDir()
	if err := WriteBytes(t.Context(), filepath.Join(dir, "no", "such"), 0o644, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that does not exist: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(t.Context(), filepath.Join(dir, "d"), 0o644, nil); err == nil {
		t.Error("no error where a directory has the name")
	}
	checkFiles(t, filepath.Join(dir, "d"), nil)
}

// TestDanglingLink replaces a symbolic link that points to nothing.
func TestDanglingLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("missing", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(t.Context(), link, 0o644, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
	checkFiles(t, dir, map[string]string{"link": "new"})
}

// TestLink keeps a symbolic link and replaces what it points to.
func TestLink(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	target, link := filepath.Join(other, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, []byte("old"), 0o644), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(t.Context(), link, 0o644, []byte("new")); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, other, map[string]string{"target": "new"})
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Errorf("link to %q, %v", to, err)
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
