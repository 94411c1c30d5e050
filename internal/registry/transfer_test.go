package registry

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// cutting serves blobs with ranges, but breaks off each transfer after some
// bytes.
func cutting(inner http.Handler, after int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		rec := httptest.NewRecorder()
		full := r.Clone(r.Context())
		full.Header.Del("Range")
		inner.ServeHTTP(rec, full)
		http.ServeContent(&cutWriter{ResponseWriter: w, left: after}, r, "", time.Time{}, bytes.NewReader(rec.Body.Bytes()))
		return true
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		c.ResponseWriter.Write(p[:c.left])
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func TestResume(t *testing.T) {
	firstPause = time.Millisecond
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	s.meddle = cutting(s.inner, 70_000)
	client := newClient(t, Options{})
	if _, err := client.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0); err != nil {
		t.Fatal(err)
	}
	client.check(t, ref, amd64)
	if got := s.requests("/blobs/"); len(got) < 10 {
		t.Errorf("only %d requests: nothing was broken off", len(got))
	}
}

func TestBrokenBlobs(t *testing.T) {
	firstPause = time.Millisecond
	for name, meddle := range map[string]func(w http.ResponseWriter, r *http.Request){
		"other content": func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 200_000)) },
		"endless":       func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, io.LimitReader(zeros{}, 64<<20)) },
		"empty":         func(w http.ResponseWriter, _ *http.Request) {},
		"endless error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.Copy(w, zeros{})
		},
		"absent": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"plain redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/blob", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, httptest.NewServer)
			ref := s.host + "/org/x:1"
			publish(t, s, ref)
			s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/blobs/") {
					meddle(w, r)
					return true
				}
				return false
			}
			client := newClient(t, Options{})
			if _, err := client.Pull(t.Context(), ref, nil, 0); err == nil {
				t.Error("the pull succeeded")
			}
			if all, err := client.opts.Store.List(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("List = %v, %v", all, err)
			}
			for _, dir := range []string{"ingest", "blobs/sha256"} {
				if left, _ := os.ReadDir(filepath.Join(client.opts.Store.Dir(), dir)); len(left) != 0 {
					t.Errorf("left in %s: %v", dir, left)
				}
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A transfer that breaks off at any tenth of a blob goes on from there, with
// registries that know ranges and with those that do not.
func TestCutAtEveryTenth(t *testing.T) {
	firstPause = time.Millisecond
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	for _, ranges := range []bool{true, false} {
		for tenth := range 10 {
			var mu sync.Mutex
			seen := map[string]bool{}
			s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				first := !seen[r.URL.Path]
				seen[r.URL.Path] = true
				mu.Unlock()
				switch {
				case !strings.Contains(r.URL.Path, "/blobs/"):
					return false
				case first:
					return cutting(s.inner, tenth*20_000)(w, r)
				case ranges:
					return cutting(s.inner, 1<<30)(w, r)
				}
				r.Header.Del("Range")
				return false
			}
			client := newClient(t, Options{})
			if _, err := client.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0); err != nil {
				t.Fatalf("tenth %d, ranges %v: %v", tenth, ranges, err)
			}
			client.check(t, ref, amd64)
		}
	}
}
