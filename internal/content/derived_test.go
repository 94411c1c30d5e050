package content

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func derive(t testing.TB, d *Derived, key, content string) {
	t.Helper()
	w, err := d.Create(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	io.WriteString(w, content)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// derivedFile0 is the path of what is kept under key.
func derivedFile0(t testing.TB, d *Derived, key string) string {
	t.Helper()
	names, err := filepath.Glob(d.dir(key) + "/*")
	if err != nil || len(names) != 1 {
		t.Fatalf("kept under %s: %q, %v", key, names, err)
	}
	return names[0]
}

func get(t testing.TB, d *Derived, key string) (string, bool) {
	t.Helper()
	f, err := d.Get(t.Context(), key)
	if errors.Is(err, ErrNotFound) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), true
}

func TestDerived(t *testing.T) {
	d := newStore(t).Derived()
	key := "../../etc/passwd\x00 and anything else"
	if _, ok := get(t, d, key); ok {
		t.Error("found before it was made")
	}
	w, err := d.Create(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "dropped")
	w.Close()
	if _, ok := get(t, d, key); ok {
		t.Error("found what was not committed")
	}
	for range 2 {
		derive(t, d, key, "content")
		if got, ok := get(t, d, key); !ok || got != "content" {
			t.Errorf("Get = %q, %v", got, ok)
		}
	}
	if left := files(t, d.store, ingestDir); len(left) != 0 {
		t.Errorf("left in the ingest directory: %q", left)
	}
}

// rename gives the file of key another boot.
func otherBoot(t testing.TB, d *Derived, key string) string {
	t.Helper()
	old := derivedFile0(t, d, key)
	n, ok := parseDerivedName(filepath.Base(old))
	if !ok {
		t.Fatalf("name %s", old)
	}
	n.boot = "anotherboot"
	path := filepath.Join(filepath.Dir(old), n.String())
	if err := os.Rename(old, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDerivedTorn(t *testing.T) {
	for name, tear := range map[string]func(t *testing.T, d *Derived) error{
		"truncated": func(t *testing.T, d *Derived) error { return os.Truncate(derivedFile0(t, d, "key"), 3) },
		"empty":     func(t *testing.T, d *Derived) error { return os.Truncate(derivedFile0(t, d, "key"), 0) },
		"zeroed and rebooted": func(t *testing.T, d *Derived) error {
			return os.WriteFile(otherBoot(t, d, "key"), make([]byte, 7), 0o600)
		},
		"named by somebody else": func(t *testing.T, d *Derived) error {
			p := derivedFile0(t, d, "key")
			return os.Rename(p, filepath.Dir(p)+"/7-x-y")
		},
		"longer than it was told": func(t *testing.T, d *Derived) error { return os.Truncate(derivedFile0(t, d, "key"), 9) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newStore(t).Derived()
			derive(t, d, "key", "content")
			if err := tear(t, d); err != nil {
				t.Fatal(err)
			}
			if got, ok := get(t, d, "key"); ok {
				t.Errorf("Get = %q", got)
			}
			derive(t, d, "key", "content")
			if got, _ := get(t, d, "key"); got != "content" {
				t.Errorf("made again: %q", got)
			}
		})
	}
}

func TestDerivedSurvivesBoot(t *testing.T) {
	d := newStore(t).Derived()
	derive(t, d, "key", "content")
	otherBoot(t, d, "key")
	for range 2 {
		if got, ok := get(t, d, "key"); !ok || got != "content" {
			t.Errorf("Get = %q, %v", got, ok)
		}
		if p := derivedFile0(t, d, "key"); !strings.HasSuffix(p, "-"+durable) {
			t.Errorf("kept as %s", p)
		}
	}
}

func TestDerivedEviction(t *testing.T) {
	d := newStore(t).Derived()
	d.Limit = 25
	age := func(key string, age time.Duration) {
		when := time.Now().Add(-age)
		if err := os.Chtimes(derivedFile0(t, d, key), when, when); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range []string{"a", "b"} {
		derive(t, d, key, "0123456789")
		age(key, time.Duration(10-i)*time.Hour)
	}
	open, err := d.Get(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	age("b", 9*time.Hour)
	get(t, d, "a") // now b is the least recently used
	derive(t, d, "c", "0123456789")
	for key, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if _, ok := get(t, d, key); ok != want {
			t.Errorf("%s is there: %v", key, ok)
		}
	}
	if data, err := io.ReadAll(open); err != nil || len(data) != 10 {
		t.Errorf("the evicted file is not readable any more: %v", err)
	}
	derive(t, d, "huge", strings.Repeat("x", 100))
	if _, ok := get(t, d, "huge"); !ok {
		t.Error("what was just made is gone")
	}
}

func TestDerivedConcurrent(t *testing.T) {
	dir := newStore(t).Dir()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			d := openStore(t, dir).Derived()
			d.Limit = 1
			for i := range 20 {
				key := fmt.Sprint(i % 5)
				derive(t, d, key, strings.Repeat(key, 1000))
				if got, ok := get(t, d, key); ok && got != strings.Repeat(key, 1000) {
					t.Errorf("goroutine %d: %s = %.10q", g, key, got)
				}
				old := time.Now().Add(-time.Hour)
				for _, p := range must(filepath.Glob(d.dir(key) + "/*")) {
					os.Chtimes(p, old, old)
				}
			}
		})
	}
	wg.Wait()
}

func must(names []string, _ error) []string { return names }
