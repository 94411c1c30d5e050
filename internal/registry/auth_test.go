package registry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// damage overwrites a blob with something of the same length.
func damage(t *testing.T, s *content.Store, d digest.Digest, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir(), "blobs", d.Algorithm().String(), d.Encoded()), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// secrets are credentials by host.
type secrets map[string]authn.AuthConfig

func (s secrets) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(s[r.RegistryStr()]), nil
}

// spy remembers which credentials it was shown.
type spy struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newSpy(t *testing.T, answer http.HandlerFunc) *spy {
	t.Helper()
	s := &spy{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Header.Get("Authorization"))
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *spy) saw(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seen := range s.seen {
		if strings.Contains(seen, what) {
			return true
		}
	}
	return false
}

// tokens demands a token from realm.
func tokens(s *server, realm string) {
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer good" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x"`, realm))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
}

func giveToken(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"token":"good"}`) }

// Credentials go to the token service of the registry's own host; one
// elsewhere gets those that are configured for it, if any.
func TestTokenService(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	service := newSpy(t, giveToken)
	_, port, _ := strings.Cut(strings.TrimPrefix(service.URL, "http://"), ":")
	elsewhere := "localhost:" + port
	known := secrets{s.host: {Username: "me", Password: "secret"}}
	pull := func(keys authn.Keychain) error {
		c := newClient(t, Options{})
		c.opts.Keychain = keys
		_, err := c.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0)
		return err
	}
	tokens(s, "http://"+elsewhere+"/token")
	if err := pull(known); err != nil {
		t.Fatal(err)
	}
	if service.saw("Basic") {
		t.Error("a token service of another host got the credentials of the registry")
	}
	known[elsewhere] = authn.AuthConfig{Username: "me", Password: "other"}
	if err := pull(known); err != nil || !service.saw("Basic bWU6b3RoZXI=") {
		t.Errorf("the token service did not get its own credentials: %v", err)
	}
	for _, realm := range []string{"http://192.0.2.1/token", "http://169.254.169.254/token", "ftp://x/y", "::"} {
		tokens(s, realm)
		if err := pull(known); err == nil {
			t.Errorf("realm %s was used", realm)
		}
	}
}

func TestSameOwner(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"index.docker.io", "auth.docker.io", true},
		{"registry.gitlab.com", "gitlab.com", true},
		{"x.io:5000", "x.io", true},
		{"X.io", "x.io", true},
		{"a.co.uk", "b.co.uk", false},
		{"x.io", "x.io.evil.example", false},
		{"ghcr.io", "evil.io", false},
		{"me.github.io", "you.github.io", false},
		{"127.0.0.1:5000", "127.0.0.1:5001", true},
		{"127.0.0.1", "1.0.0.127", false},
		{"[::1]:5000", "[::1]:1", true},
		{"localhost:1", "127.0.0.1:1", false},
	} {
		if got := sameOwner(c.a, c.b); got != c.want {
			t.Errorf("sameOwner(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

// A redirect takes neither passwords nor tokens along.
func TestRedirects(t *testing.T) {
	for _, scheme := range []string{"basic", "bearer"} {
		t.Run(scheme, func(t *testing.T) {
			s := newServer(t, httptest.NewServer)
			ref := s.host + "/org/x:1"
			publish(t, s, ref)
			storage := newSpy(t, func(w http.ResponseWriter, r *http.Request) { s.inner.ServeHTTP(w, r) })
			_, port, _ := strings.Cut(strings.TrimPrefix(storage.URL, "http://"), ":")
			service := newSpy(t, giveToken)
			want, challenge := "Basic bWU6c2VjcmV0", "Basic realm=x"
			if scheme == "bearer" {
				want, challenge = "Bearer good", fmt.Sprintf("Bearer realm=%q", strings.Replace(service.URL, "127.0.0.1", "localhost", 1))
			}
			s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Authorization") != want {
					w.Header().Set("WWW-Authenticate", challenge)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				if strings.Contains(r.URL.Path, "/blobs/") {
					http.Redirect(w, r, "http://localhost:"+port+r.URL.Path, http.StatusTemporaryRedirect)
					return true
				}
				return false
			}
			c := newClient(t, Options{})
			c.opts.Keychain = secrets{s.host: {Username: "me", Password: "secret"}}
			if _, err := c.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0); err != nil {
				t.Fatal(err)
			}
			if len(storage.seen) == 0 || storage.saw("Basic") || storage.saw("Bearer") {
				t.Errorf("the storage was shown %q", storage.seen)
			}
		})
	}
}

// What passes is waited for, what does not is told.
func TestRepeats(t *testing.T) {
	firstPause, longestPause = time.Millisecond, 50*time.Millisecond
	t.Cleanup(func() { longestPause = time.Minute })
	for code, mends := range map[int]bool{429: true, 500: true, 502: true, 503: true, 504: true, 408: true, 400: false, 403: false, 404: false, 501: false} {
		s := newServer(t, httptest.NewServer)
		ref := s.host + "/org/x:1"
		publish(t, s, ref)
		var mu sync.Mutex
		failed := map[string]int{}
		s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if failed[r.URL.Path]++; failed[r.URL.Path] > 2 || r.URL.Path == "/v2/" {
				return false
			}
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(code)
			return true
		}
		c := newClient(t, Options{})
		_, err := c.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0)
		if mends && err != nil || !mends && status(err) != code {
			t.Errorf("status %d: %v", code, err)
		}
		if mends {
			c.check(t, ref, amd64)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"0": 0, "7": 7 * time.Second, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		if got, ok := retryAfter(value); !ok || got != want {
			t.Errorf("%q: %v, %v", value, got, ok)
		}
	}
	for _, bad := range []string{"", "-1", "soon", "1e9"} {
		if _, ok := retryAfter(bad); ok {
			t.Errorf("%q was understood", bad)
		}
	}
}

// Mirrors are asked one after the other, the registry itself never.
func TestMirrorsInOrder(t *testing.T) {
	firstPause = time.Millisecond
	empty, ill, good := newServer(t, httptest.NewServer), newServer(t, httptest.NewServer), newServer(t, httptest.NewServer)
	closed := newServer(t, httptest.NewServer)
	closed.Close()
	ill.meddle = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	publish(t, good, good.host+"/org/x:1")
	pull := func(urls ...string) error {
		m, err := ParseMirrors("", []string{"x.io=" + strings.Join(urls, "|")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = newClient(t, Options{Mirrors: m}).Pull(t.Context(), "x.io/org/x:1", []ocispec.Platform{amd64}, 0)
		return err
	}
	if err := pull(closed.URL, empty.URL, ill.URL, good.URL); err != nil {
		t.Error(err)
	}
	if got := empty.requests("/manifests/"); len(got) != 1 {
		t.Errorf("the second mirror was asked %q", got)
	}
	if err := pull(closed.URL, empty.URL); err == nil || status(err) != http.StatusNotFound {
		t.Errorf("no mirror has it: %v", err)
	}
	if _, err := ParseMirrors("", []string{"x.io=http://a|b"}); err == nil {
		t.Error("a list with something else than URLs was accepted")
	}
}

// A registry that stands still is given up.
func TestStall(t *testing.T) {
	firstPause, stall = time.Millisecond, 50*time.Millisecond
	t.Cleanup(func() { stall = time.Minute })
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	release := make(chan struct{})
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	_, err := newClient(t, Options{}).Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0)
	close(release)
	if err == nil {
		t.Error("the pull succeeded")
	}
}

// A registry that has uploads sent elsewhere gets no credentials sent there.
func TestUploadElsewhere(t *testing.T) {
	u := &uploads{blobs: map[digest.Digest][]byte{}}
	storage := newSpy(t, u.ServeHTTP)
	_, port, _ := strings.Cut(strings.TrimPrefix(storage.URL, "http://"), ":")
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", "Basic realm=x")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost {
			w.Header().Set("Location", "http://localhost:"+port+"/v2/x/blobs/uploads/1?state=a")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		u.ServeHTTP(w, r)
	}))
	defer registry.Close()
	host := strings.TrimPrefix(registry.URL, "http://")
	c := newClient(t, Options{})
	c.opts.Keychain = secrets{host: {Username: "me", Password: "secret"}}
	d := store(t, c.opts.Store, ocispec.MediaTypeImageLayer, []byte("layer"))
	s, err := c.session(t.Context(), access{target: target{host: host, repository: "xx/x"}, write: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = (&push{client: c, session: s}).blob(t.Context(), d)
	if len(storage.seen) == 0 || storage.saw("Basic") {
		t.Errorf("the storage was shown %q", storage.seen)
	}
}
