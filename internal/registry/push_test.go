package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// byteCount counts what tasks transfer.
type byteCount struct {
	progress.Reporter
	ctx   context.Context
	bytes atomic.Int64
}

func countBytes(t *testing.T) *byteCount {
	b := &byteCount{Reporter: progress.Discard}
	b.ctx = progress.With(t.Context(), b)
	return b
}

func (b *byteCount) Task(string, int64) progress.Task { return byteTask{b} }

type byteTask struct{ b *byteCount }

func (t byteTask) Add(n int64) { t.b.bytes.Add(n) }
func (t byteTask) Done(error)  {}

// put stores an image of the given layers and returns its manifest.
func put(t testing.TB, s *content.Store, p ocispec.Platform, layers ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	config := store(t, s, ocispec.MediaTypeImageConfig, fmt.Appendf(nil, `{"os":%q,"architecture":%q,"created":%q}`, p.OS, p.Architecture, time.Unix(int64(len(layers)), 0).UTC().Format(time.RFC3339)))
	data, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := store(t, s, ocispec.MediaTypeImageManifest, data)
	d.Platform = &p
	return d
}

func store(t testing.TB, s *content.Store, mediaType string, data []byte) ocispec.Descriptor {
	t.Helper()
	d, err := s.Put(t.Context(), mediaType, data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func putIndex(t *testing.T, s *content.Store, ref, mediaType string, children ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	data, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType, Manifests: children})
	if err != nil {
		t.Fatal(err)
	}
	d := store(t, s, mediaType, data)
	if err := s.Tag(t.Context(), ref, d); err != nil {
		t.Fatal(err)
	}
	return d
}

func attest(t *testing.T, s *content.Store, subject ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	d := put(t, s, ocispec.Platform{OS: "unknown", Architecture: "unknown"}, store(t, s, "application/vnd.in-toto+json", []byte(`{"about":"`+subject.Digest+`"}`)))
	d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject.Digest.String()}
	return d
}

// A remote index keeps what the pushed one does not replace.
func TestPushMerges(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	remote := s.host + "/org/x:1"
	c := newClient(t, Options{})
	cache := c.opts.Store
	layer := func(text string) ocispec.Descriptor {
		return store(t, cache, ocispec.MediaTypeImageLayer, []byte(text))
	}
	a1, r1 := put(t, cache, amd64, layer("a1")), put(t, cache, arm64, layer("r1"))
	attA, attR := attest(t, cache, a1), attest(t, cache, r1)
	putIndex(t, cache, "x.io/old:1", content.MediaTypeDockerList, a1, attA, r1, attR)
	c.said(t, "x.io/old:1", remote, PushOptions{})
	a2 := put(t, cache, amd64, layer("a2"))
	attA2 := attest(t, cache, a2)
	putIndex(t, cache, "x.io/new:1", ocispec.MediaTypeImageIndex, a2, attA2)
	c.said(t, "x.io/new:1", remote, PushOptions{Override: true})
	got, data, _, err := c.root(t.Context(), remote, 0)
	if err != nil {
		t.Fatal(err)
	}
	index, err := content.DecodeIndex(data)
	if err != nil || got.MediaType != ocispec.MediaTypeImageIndex || index.MediaType != ocispec.MediaTypeImageIndex {
		t.Fatalf("%s, %v: %s", got.MediaType, err, data)
	}
	want := []digest.Digest{a2.Digest, r1.Digest, attR.Digest, attA2.Digest}
	if have := digestsOf(index.Manifests); !slices.Equal(have, want) {
		t.Errorf("children %v, want %v", have, want)
	}
	// What holds all already stays as it is.
	c.said(t, "x.io/new:1", remote, PushOptions{Override: true})
	if again, err := c.Resolve(t.Context(), remote); err != nil || again.Digest != got.Digest {
		t.Errorf("after the second push: %v, %v", again, err)
	}
}

func digestsOf(list []ocispec.Descriptor) (all []digest.Digest) {
	for _, d := range list {
		all = append(all, d.Digest)
	}
	return all
}

// Layers that may not be distributed stay where they are, equal ones are sent
// once, and all kinds of compression are only bytes.
func TestPushLayers(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	c := newClient(t, Options{})
	cache := c.opts.Store
	foreign := ocispec.Descriptor{MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: digest.FromString("far"), Size: 3, URLs: []string{"https://far.example/x"}}
	zstd := store(t, cache, ocispec.MediaTypeImageLayerZstd, []byte("zstd"))
	empty := store(t, cache, ocispec.MediaTypeImageLayer, nil)
	d := put(t, cache, amd64, zstd, foreign, zstd, empty)
	if err := cache.Tag(t.Context(), "x.io/a:1", d); err != nil {
		t.Fatal(err)
	}
	var uploads atomic.Int64
	s.meddle = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			uploads.Add(1)
		}
		return false
	}
	c.said(t, "x.io/a:1", s.host+"/org/a:1", PushOptions{})
	if n := uploads.Load(); n != 3 { // configuration, zstd, empty
		t.Errorf("%d uploads", n)
	}
	s.meddle = nil
	if _, err := newClient(t, Options{}).Pull(t.Context(), s.host+"/org/a:1", nil, 0); err == nil {
		t.Error("a foreign layer that cannot be had was not missed")
	}
}

func TestPushRefuses(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	c := newClient(t, Options{})
	cache := c.opts.Store
	a := put(t, cache, amd64, store(t, cache, ocispec.MediaTypeImageLayer, []byte("a")))
	absent := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("absent"), Size: 1, Platform: &arm64}
	putIndex(t, cache, "x.io/partial:1", ocispec.MediaTypeImageIndex, a, absent)
	for _, bad := range []struct{ local, remote, want string }{
		{"x.io/none:1", s.host + "/org/x:1", "could not find image or index for x.io/none:1"},
		{"x.io/partial:1", s.host + "/org/x:1", "the image for linux/arm64 of x.io/partial:1 is neither in the cache nor in the registry"},
		{"x.io/partial:1", s.host + "/ORG/x:1", "could not parse reference"},
		{"x.io/partial:1", "192.0.2.1:5000/x:1", ""},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := c.Push(ctx, bad.local, bad.remote, PushOptions{})
		cancel()
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := c.Resolve(t.Context(), s.host+"/org/x:1"); status(err) != http.StatusNotFound {
		t.Errorf("something was pushed: %v", err)
	}
}

// uploads is a registry that takes one upload at a time and may break off, with
// or without telling what it has.
type uploads struct {
	mu     sync.Mutex
	data   []byte
	cut    int  // bytes after which every PATCH breaks off, 0 for never
	resume bool // answers how much it has
	status int  // of every third PATCH, 0 for none
	calls  int
	blobs  map[digest.Digest][]byte
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w.Header().Set("Location", "/v2/x/blobs/uploads/1?state=a")
	switch {
	case r.URL.Path == "/v2/":
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPost:
		u.data = nil
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodGet && u.resume:
		w.Header().Set("Range", fmt.Sprintf("0-%d", len(u.data)-1))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPatch:
		u.patch(w, r)
	case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/uploads/"):
		d := digest.Digest(r.URL.Query().Get("digest"))
		if d != digest.FromBytes(u.data) || r.URL.Query().Get("state") != "a" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		u.blobs[d] = u.data
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (u *uploads) patch(w http.ResponseWriter, r *http.Request) {
	u.calls++
	if u.status != 0 && u.calls%3 != 0 {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(u.status)
		return
	}
	if u.cut == 0 {
		data, _ := io.ReadAll(r.Body)
		u.data = append(u.data, data...)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, int64(u.cut)))
	if u.data = append(u.data, data...); err != nil || len(data) == u.cut {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
}

func TestUploads(t *testing.T) {
	firstPause = time.Millisecond
	data := bytes.Repeat([]byte("0123456789"), 50_000)
	for name, c := range map[string]struct {
		server *uploads
		fails  bool
	}{
		"good":                    {&uploads{}, false},
		"cut, tells what it has":  {&uploads{cut: len(data)/10 + 1, resume: true}, false},
		"cut, forgets everything": {&uploads{cut: len(data) / 10}, true},
		"busy":                    {&uploads{status: http.StatusTooManyRequests}, false},
		"ill":                     {&uploads{status: http.StatusBadGateway, resume: true}, false},
		"unwilling":               {&uploads{status: http.StatusForbidden}, true},
	} {
		t.Run(name, func(t *testing.T) {
			u := c.server
			u.blobs = map[digest.Digest][]byte{}
			s := httptest.NewServer(u)
			defer s.Close()
			client := newClient(t, Options{})
			d := store(t, client.opts.Store, ocispec.MediaTypeImageLayer, data)
			a := access{target: target{host: strings.TrimPrefix(s.URL, "http://"), repository: "xx/x", plain: true}, write: true}
			session, err := client.session(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			sent := countBytes(t)
			err = (&push{client: client, session: session}).blob(sent.ctx, d)
			if c.fails != (err != nil) {
				t.Fatalf("blob: %v", err)
			}
			if !c.fails && !bytes.Equal(u.blobs[d.Digest], data) {
				t.Error("the registry has something else")
			}
		})
	}
}

// A blob that is damaged in the cache is found out when the registry refuses it.
func TestPushDamaged(t *testing.T) {
	u := &uploads{blobs: map[digest.Digest][]byte{}}
	s := httptest.NewServer(u)
	defer s.Close()
	client := newClient(t, Options{})
	d := store(t, client.opts.Store, ocispec.MediaTypeImageLayer, []byte("right"))
	damage(t, client.opts.Store, d.Digest, "wrong")
	session, err := client.session(t.Context(), access{target: target{host: strings.TrimPrefix(s.URL, "http://"), repository: "xx/x", plain: true}, write: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&push{client: client, session: session}).blob(t.Context(), d); !errors.Is(err, content.ErrCorrupt) {
		t.Errorf("blob: %v", err)
	}
}

func TestCredentialsFlag(t *testing.T) {
	for spec, want := range map[string]string{
		"foo":    "invalid registry auth specification 'foo'",
		"foo=":   "invalid registry auth specification 'foo='",
		"foo=a:": "username and password must not be blank",
		"foo=:b": "username and password must not be blank",
		"foo= ":  "token must not be blank",
		" =x":    "registry must not be blank",
	} {
		if _, err := ParseCredentials([]string{spec}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", spec, err)
		}
	}
	got, err := ParseCredentials([]string{"docker.io/=me:pass:word", "x.io=dTpw", "z.io=t"})
	want := map[string]authn.AuthConfig{
		hubKey: {Username: "me", Password: "pass:word"}, "x.io": {Username: "u", Password: "p"}, "z.io": {RegistryToken: "t"},
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("ParseCredentials = %+v, %v", got, err)
	}
}
