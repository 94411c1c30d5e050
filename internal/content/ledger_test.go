package content

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hide puts a file among the derived ones that no ledger knows. It is removed
// by who looks at all of them.
func hide(t testing.TB, d *Derived, size int) (path string) {
	t.Helper()
	path = filepath.Join(d.dir("hidden"), "1-2-3")
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, size), fileMode); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestLedgerSparesLooking wants all files to be looked at only when what was
// added could exceed the limit, by whomever it was added.
func TestLedgerSparesLooking(t *testing.T) {
	s := newStore(t)
	others := openStore(t, s.Dir()).Derived()
	d := s.Derived()
	d.Limit, others.Limit = 100, 100
	derive(t, d, "first", "0123456789")
	hidden := hide(t, d, 1000)
	for i := range 9 {
		derive(t, []*Derived{d, others}[i%2], fmt.Sprint(i), "0123456789")
		if !exists(hidden) {
			t.Fatalf("looked at all after %d bytes", 10*(i+2))
		}
	}
	derive(t, others, "last", "x")
	if exists(hidden) {
		t.Error("did not look after 101 bytes")
	}
}

// TestLedgerDoubted wants all files to be looked at if the ledger is not to be
// relied on.
func TestLedgerDoubted(t *testing.T) {
	for name, spoil := range map[string]func(text string) string{
		"empty":         func(string) string { return "" },
		"torn":          func(text string) string { return text[:len(text)-1] },
		"other boot":    func(string) string { return "all 10 anotherboot\n" },
		"no count":      func(string) string { return "10\n" },
		"zeros":         func(text string) string { return text + "\x00\x00\x00\n" },
		"negative":      func(text string) string { return text + "-5\n" },
		"out of bounds": func(text string) string { return text + strings.Repeat("9223372036854775807\n", 2) },
		"too long":      func(text string) string { return text + strings.Repeat("0\n", maxLedger/2) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newStore(t).Derived()
			d.Limit = 100
			derive(t, d, "first", "0123456789")
			hidden := hide(t, d, 1000)
			text, err := os.ReadFile(d.ledger())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.ledger(), []byte(spoil(string(text))), fileMode); err != nil {
				t.Fatal(err)
			}
			derive(t, d, "second", "0123456789")
			if exists(hidden) {
				t.Error("did not look")
			}
			if hide(t, d, 1); !exists(hidden) {
				t.Fatal("not hidden")
			}
			if derive(t, d, "third", "0123456789"); !exists(hidden) {
				t.Error("the ledger was not made anew")
			}
		})
	}
}

// TestLedgerBounds lets many add and look at once: never is there more than
// the ledger says.
func TestLedgerBounds(t *testing.T) {
	dir := newStore(t).Dir()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			d := openStore(t, dir).Derived()
			for i := range 20 {
				derive(t, d, fmt.Sprint(g, i), strings.Repeat("x", 10))
				if i%5 == g%5 {
					if err := d.evict(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	d := openStore(t, dir).Derived()
	_, total, err := d.files()
	if err != nil || total != 8*20*10 {
		t.Fatalf("%d bytes, %v", total, err)
	}
	if bound, ok := d.enter(0); !ok || bound < total {
		t.Errorf("the bound is %d, %v; there are %d bytes", bound, ok, total)
	}
}

// TestLedgerReplaced lets the ledger be replaced while somebody looks at all:
// what was not counted is not in the new one.
func TestLedgerReplaced(t *testing.T) {
	d := newStore(t).Derived()
	if err := d.store.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	slow := d.newLedger()
	defer slow.Close()
	derive(t, d, "uncounted", "0123456789")
	quick := d.newLedger()
	defer quick.Close()
	enterCount(slow, 0)
	if bound, ok := d.enter(0); ok && bound < 10 {
		t.Errorf("the bound is %d, and there are 10 bytes", bound)
	}
	enterCount(quick, 10)
	if bound, ok := d.enter(0); !ok || bound < 10 {
		t.Errorf("then the bound is %d, %v", bound, ok)
	}
}

func FuzzLedger(f *testing.F) {
	f.Add("all 10 boot\n5\n")
	f.Add("5\nall 10 boot")
	f.Fuzz(func(t *testing.T, text string) {
		if bound, ok := parseLedger(text, "boot"); bound < 0 || ok && !strings.Contains(text, "boot\n") {
			t.Errorf("%q: %d, %v", text, bound, ok)
		}
	})
}
