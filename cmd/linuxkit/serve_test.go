package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// addressFinder takes the address out of what serve says.
type addressFinder struct{ found chan string }

func (a addressFinder) Write(p []byte) (int, error) {
	if _, url, ok := strings.Cut(string(p), " on "); ok {
		a.found <- strings.TrimSpace(url)
	}
	return len(p), nil
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"secret": "secret", "d/file": "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "d", "link")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	finder, done := addressFinder{make(chan string, 1)}, make(chan int)
	go func() {
		args := []string{"serve", "--port", "127.0.0.1:0", "--directory", filepath.Join(dir, "d")}
		done <- run(ctx, args, strings.NewReader(""), io.Discard, finder)
	}()
	url := <-finder.found
	if status, body := get(t, url+"/file"); status != http.StatusOK || body != "hello" {
		t.Errorf("file: %d %q", status, body)
	}
	for _, path := range []string{"/link", "/../secret", "/missing"} {
		if status, body := get(t, url+path); status == http.StatusOK || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit status %d", code)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
