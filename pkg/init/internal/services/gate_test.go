package services

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	g := gate(filepath.Join(t.TempDir(), "gate"))
	leave, err := g.enter()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.close(time.Millisecond); err == nil {
		t.Error("closed without waiting for a start")
	}
	if _, err := g.enter(); !errors.Is(err, errClosed) {
		t.Errorf("another start after that: %v", err)
	}
	closed := make(chan error)
	go func() { closed <- g.close(time.Minute) }()
	leave()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := g.enter(); !errors.Is(err, errClosed) {
		t.Errorf("a start through a closed gate: %v", err)
	}
}

// TestNoGate starts services where the file cannot be made.
func TestNoGate(t *testing.T) {
	for _, g := range []gate{"", gate(filepath.Join(t.TempDir(), "no", "such"))} {
		leave, err := g.enter()
		if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, errClosed) {
			t.Errorf("%q: %v", g, err)
		}
		leave()
	}
}
