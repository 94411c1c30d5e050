package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// work is a repository to try things on.
type work struct {
	*testing.T
	dir string
}

func newWork(t *testing.T, init ...string) *work {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "A")
		t.Setenv("GIT_"+who+"_EMAIL", "a@example.org")
		t.Setenv("GIT_"+who+"_DATE", "2026-01-02T03:04:05Z")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &work{t, dir}
	w.git(append([]string{"init", "-q"}, init...)...)
	return w
}

func (w *work) git(args ...string) string {
	w.Helper()
	out, err := exec.Command("git", append([]string{"-C", w.dir}, args...)...).CombinedOutput()
	if err != nil {
		w.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *work) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *work) write(name, text string) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *work) commit() {
	w.Helper()
	w.git("add", "-A")
	w.git("commit", "-qm", "x")
}

func (w *work) repository() *Repository {
	w.Helper()
	var c Cache
	r, err := c.Find(context.Background(), w.dir)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func TestObject(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			w := newWork(t, "--object-format="+format)
			names := []string{"pkg/foo/a", "pkg/b*r/a", "pkg/bär/a", "pkg/a\nb/a", "pkg/:x/a", "top"}
			for i, n := range names {
				w.write(n, fmt.Sprint(i))
			}
			w.commit()
			r := w.repository()
			for _, name := range []string{"pkg/foo", "pkg/foo/a", "pkg/b*r", "pkg/bär", "pkg/a\nb", "pkg/:x", "pkg", "top"} {
				got, err := r.Object(t.Context(), Head, w.path(name))
				if want := w.git("rev-parse", "HEAD:"+name); err != nil || got != want {
					t.Errorf("Object(%q) = %q, %v; want %q", name, got, err, want)
				}
			}
			got, err := r.Object(t.Context(), w.git("rev-parse", "HEAD"), w.dir)
			if want := w.git("rev-parse", "HEAD^{tree}"); err != nil || got != want {
				t.Errorf("Object of the top = %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestObjectErrors(t *testing.T) {
	w := newWork(t)
	w.write("pkg/foo/a", "a")
	w.commit()
	w.write("pkg/new/a", "a")
	r := w.repository()
	for _, c := range []struct{ commit, file, want string }{
		{Head, w.path("pkg/new"), "package " + w.path("pkg/new") + " is not in git"},
		{Head, w.path("new/new"), "is not in git"},
		{Head, filepath.Dir(w.dir), "is outside of the git work tree"},
		{"nosuch", w.path("pkg/foo"), "Not a valid object name nosuch: exit status 128"},
		{"nosuch", w.dir, "exit status 128"},
		{"--output=x", w.path("pkg/foo"), "cannot be the name of a commit"},
		{"--all", w.dir, "cannot be the name of a commit"},
		{"", w.path("pkg/foo"), "cannot be the name of a commit"},
	} {
		if _, err := r.Object(t.Context(), c.commit, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Object(%q, %q): %v; want %q", c.commit, c.file, err, c.want)
		}
	}
}

func TestFind(t *testing.T) {
	w := newWork(t)
	w.write("a/b/c", "x")
	w.write("nested/d/e", "x")
	var c Cache
	r, err := c.Find(t.Context(), w.path("a/b"))
	if err != nil || r.Top() != w.dir {
		t.Fatalf("Find: %v, %v", r, err)
	}
	if same, err := c.Find(t.Context(), w.path("a")); err != nil || same != r {
		t.Errorf("another directory has another repository: %v", err)
	}
	w.git("init", "-q", "nested")
	if n, err := c.Find(t.Context(), w.path("nested/d")); err != nil || n.Top() != w.path("nested") {
		t.Errorf("nested repository: %v", err)
	}
	if _, err := c.Find(t.Context(), w.path(".git/objects")); err == nil || !strings.Contains(err.Error(), "--is-inside-work-tree: false") {
		t.Errorf("inside .git: %v", err)
	}
	if _, err := c.Find(t.Context(), t.TempDir()); !errors.Is(err, ErrNotRepository) {
		t.Errorf("outside: %v", err)
	}
}

func TestFindWithoutGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var c Cache
	if _, err := c.Find(t.Context(), t.TempDir()); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want exec.ErrNotFound", err)
	}
}

func TestChanges(t *testing.T) {
	w := newWork(t)
	for _, name := range []string{"edited", "staged", "restored", "deleted", "mode", "touched", "ignored.o"} {
		w.write("p/"+name, "old")
	}
	w.write("p/.gitignore", "*.o\n")
	w.write("pq/clean", "old")
	if err := os.Symlink("a", w.path("p/link")); err != nil {
		t.Skip("no symbolic links here")
	}
	w.commit()
	w.write("p/edited", "new")
	w.write("p/staged", "new")
	w.git("add", "p/staged")
	w.write("p/restored", "new")
	w.git("add", "p/restored")
	w.write("p/restored", "old")
	os.Remove(w.path("p/deleted"))
	os.Chmod(w.path("p/mode"), 0o755)
	w.write("p/touched", "old")
	w.write("p/more.o", "x")
	w.write("p/näw", "x")
	os.Remove(w.path("p/link"))
	os.Symlink("b", w.path("p/link"))

	r := w.repository()
	changes, err := r.Changes(t.Context(), w.path("p"))
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprint(filepath.Base(c.Path), c.Status, c.ContentOnly()))
	}
	want := []string{"deletedDfalse", "editedMtrue", "linkMfalse", "modeMfalse", "näw?true", "stagedMtrue"}
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("Changes: %v, %v; want %v", got, err, want)
	}
	if c, err := r.Changes(t.Context(), w.path("pq")); err != nil || c != nil {
		t.Errorf("a sibling with the same beginning is changed: %v, %v", c, err)
	}
	if c, err := r.Changes(t.Context(), w.path("p/näw")); err != nil || len(c) != 1 {
		t.Errorf("Changes of a file: %v, %v", c, err)
	}
}

// TestLarge asks about directories of a work tree that is too large to ask
// about as a whole.
func TestLarge(t *testing.T) {
	w := newWork(t)
	w.write("a/b/c", "x")
	w.write("d", "x")
	w.commit()
	w.write("a/b/new", "x")
	w.write("e/new", "x")
	r := w.repository()
	if !r.small {
		t.Fatal("two files are not few")
	}
	r.small = false
	for name, want := range map[string]int{"a/b": 1, "d": 0, "e": 1} {
		if c, err := r.Changes(t.Context(), w.path(name)); err != nil || len(c) != want {
			t.Errorf("Changes(%s): %v, %v; want %d", name, c, err, want)
		}
	}
	got, err := r.Object(t.Context(), Head, w.path("a/b"))
	if want := w.git("rev-parse", "HEAD:a/b"); err != nil || got != want {
		t.Errorf("Object: %s, %v; want %s", got, err, want)
	}
}

func TestConcurrentUse(t *testing.T) {
	w := newWork(t)
	for i := range 20 {
		w.write(fmt.Sprintf("pkg/p%d/a", i), "a")
	}
	w.commit()
	// The lock of another git program must not matter.
	w.write(".git/index.lock", "")
	var c Cache
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			r, err := c.Find(t.Context(), w.path(fmt.Sprintf("pkg/p%d", i)))
			if err != nil {
				t.Error(err)
				return
			}
			if ch, err := r.Changes(t.Context(), w.path(fmt.Sprintf("pkg/p%d", i))); err != nil || len(ch) != 0 {
				t.Error(ch, err)
			}
			if _, err := r.Object(t.Context(), Head, w.path(fmt.Sprintf("pkg/p%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		dir, file string
		want      bool
	}{
		{"/a/b", "/a/b", true}, {"/a/b", "/a/b/c", true}, {"/a/b", "/a/bc", false},
		{"/a/b", "/a", false}, {"/", "/a", true}, {"/a/b", "/c", false},
	} {
		dir, file := filepath.FromSlash(c.dir), filepath.FromSlash(c.file)
		if got := Within(dir, file); got != c.want {
			t.Errorf("Within(%q, %q) = %v", dir, file, got)
		}
	}
}

func FuzzParseRaw(f *testing.F) {
	f.Add(":100644 100755 0 0 M\x00a\x00")
	f.Add(":100644\x00")
	f.Fuzz(func(t *testing.T, out string) {
		r := &Repository{top: "/top"}
		changes, err := r.parseRaw(records(out))
		if err == nil && len(changes) != (len(records(out))+1)/2 {
			t.Errorf("%d changes of %q", len(changes), out)
		}
	})
}
