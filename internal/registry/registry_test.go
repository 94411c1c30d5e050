package registry

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

var (
	amd64   = ocispec.Platform{OS: "linux", Architecture: "amd64"}
	arm64   = ocispec.Platform{OS: "linux", Architecture: "arm64"}
	riscv64 = ocispec.Platform{OS: "linux", Architecture: "riscv64"}
)

// server is a registry that counts requests and may meddle with them.
type server struct {
	*httptest.Server
	host   string
	inner  http.Handler
	mu     sync.Mutex
	gets   []string
	count  int // of all requests
	meddle func(w http.ResponseWriter, r *http.Request) (done bool)
}

func newServer(t *testing.T, start func(http.Handler) *httptest.Server) *server {
	t.Helper()
	s := &server{inner: fake.New(fake.Logger(log.New(io.Discard, "", 0)))}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.count++
		if r.Method == http.MethodGet && r.URL.Path != "/v2/" {
			s.gets = append(s.gets, r.URL.Path)
		}
		meddle := s.meddle
		s.mu.Unlock()
		if meddle == nil || !meddle(w, r) {
			s.inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	_, s.host, _ = strings.Cut(s.URL, "://")
	return s
}

// requests returns the paths that were read since the last call.
func (s *server) requests(part string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gets {
		if strings.Contains(g, part) {
			found = append(found, g)
		}
	}
	s.gets = nil
	return found
}

func imageFor(t *testing.T, p ocispec.Platform) v1.Image {
	t.Helper()
	img, err := random.Image(200_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = p.OS, p.Architecture
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// publish pushes an index of two platforms, the first with an attestation.
func publish(t *testing.T, s *server, ref string) v1.ImageIndex {
	t.Helper()
	first := imageFor(t, amd64)
	digest, err := first.Digest()
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: first, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: imageFor(t, arm64), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: imageFor(t, ocispec.Platform{}), Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest.String()},
		}})
	name, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(name, index, remote.WithTransport(s.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	s.requests("")
	return index
}

func newClient(t *testing.T, opts Options) *Client {
	t.Helper()
	if opts.Store == nil {
		store, err := content.Open(filepath.Join(t.TempDir(), "cache"))
		if err != nil {
			t.Fatal(err)
		}
		opts.Store = store
	}
	opts.Keychain = authn.NewMultiKeychain()
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Client) check(t *testing.T, ref string, p ocispec.Platform) {
	t.Helper()
	img, err := (&image.Resolver{Store: c.opts.Store}).Image(t.Context(), ref, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range append(img.Manifest.Layers, img.Manifest.Config, img.Descriptor) {
		if err := c.opts.Store.Verify(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
}

func TestPull(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	for _, c := range []struct {
		name      string
		platforms []ocispec.Platform
		blobs     int
	}{
		{"all", nil, 9},
		{"one platform and its attestation", []ocispec.Platform{amd64}, 6},
		{"one platform", []ocispec.Platform{arm64}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newClient(t, Options{})
			if _, err := client.Pull(t.Context(), ref, c.platforms, 0); err != nil {
				t.Fatal(err)
			}
			if got := s.requests("/blobs/"); len(got) != c.blobs {
				t.Errorf("%d blobs were read: %q", len(got), got)
			}
			for _, p := range c.platforms {
				client.check(t, ref, p)
			}
			// The second time only the name is asked for.
			before := s.count
			again := newClient(t, Options{Store: client.opts.Store})
			if _, err := again.Pull(t.Context(), ref, c.platforms, 0); err != nil {
				t.Fatal(err)
			}
			if got := s.count - before; got != 1 {
				t.Errorf("second pull: %d requests, %q", got, s.requests(""))
			}
		})
	}
}

func TestPullRefuses(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	lone := s.host + "/org/lone:1"
	name, _ := name.ParseReference(lone)
	if err := remote.Write(name, imageFor(t, amd64)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, ref string
		want      error
	}{
		{"absent platform", ref, image.ErrNoPlatform},
		{"lone image of another platform", lone, image.ErrNoPlatform},
	} {
		s.requests("")
		client := newClient(t, Options{})
		if _, err := client.Pull(t.Context(), c.ref, []ocispec.Platform{riscv64}, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := s.requests("/blobs/"); len(got) > 1 {
			t.Errorf("%s: layers were read: %q", c.name, got)
		}
		if all, err := client.opts.Store.List(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("%s: %v, %v", c.name, all, err)
		}
	}
	_, err := newClient(t, Options{}).Pull(t.Context(), s.host+"/org/none:1", nil, 0)
	if err == nil || errors.Is(err, image.ErrUnreachable) || !strings.Contains(err.Error(), "error getting manifest for image") {
		t.Errorf("unknown name: %v", err)
	}
}

func TestByDigest(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	digest, err := publish(t, s, s.host+"/org/x:1").Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref := s.host + "/org/x@" + digest.String()
	client := newClient(t, Options{})
	if d, err := client.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0); err != nil || d.Digest.String() != digest.String() {
		t.Fatalf("Pull = %v, %v", d, err)
	}
	client.check(t, ref, amd64)
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/manifests/") {
			io.WriteString(w, `{"manifests":[]}`)
			return true
		}
		return false
	}
	if _, err := newClient(t, Options{}).Pull(t.Context(), ref, nil, 0); !errors.Is(err, content.ErrCorrupt) {
		t.Errorf("another manifest than asked for: %v", err)
	}
}

func TestHostileManifests(t *testing.T) {
	for name, body := range map[string]string{
		"huge":       `{"manifests":[]` + strings.Repeat(" ", content.MaxManifest) + "}",
		"both forms": `{"manifests":[],"layers":[]}`,
		"bad digest": `{"manifests":[{"mediaType":"` + ocispec.MediaTypeImageManifest + `","digest":"sha256:../../x"}]}`,
		"text":       "<html>",
	} {
		s := newServer(t, httptest.NewServer)
		s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/") {
				io.WriteString(w, body)
				return true
			}
			return false
		}
		if _, err := newClient(t, Options{}).Pull(t.Context(), s.host+"/org/x:1", nil, 0); !errors.Is(err, content.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPatience(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	release := make(chan struct{})
	defer close(release)
	s.meddle = func(http.ResponseWriter, *http.Request) bool { <-release; return false }
	_, err := newClient(t, Options{}).Pull(t.Context(), s.host+"/org/x:1", nil, 50*time.Millisecond)
	if !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("silent registry: %v", err)
	}
	closed := newServer(t, httptest.NewServer)
	closed.Close()
	if _, err := newClient(t, Options{}).Pull(t.Context(), closed.host+"/org/x:1", nil, time.Second); !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("closed port: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(t, Options{}).Pull(ctx, s.host+"/org/x:1", nil, 0); errors.Is(err, image.ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Several clients that want the same blobs fetch each once.
func TestSharedDownload(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	first := newClient(t, Options{})
	var wg sync.WaitGroup
	for range 4 {
		c := newClient(t, Options{Store: first.opts.Store})
		wg.Go(func() {
			if _, err := c.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first.check(t, ref, amd64)
	seen := map[string]bool{}
	for _, b := range s.requests("/blobs/") {
		if seen[b] {
			t.Errorf("%s was read twice", b)
		}
		seen[b] = true
	}
}
