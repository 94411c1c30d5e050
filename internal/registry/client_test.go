package registry

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/reference"
)

func TestMirrors(t *testing.T) {
	for _, c := range []struct {
		name, env string
		flags     []string
		ref, want string
		plain     bool
	}{
		{"none", "", nil, "alpine", "docker.io/library/alpine", false},
		{"for all", "", []string{"http://m"}, "x.io/a/b", "m/a/b", true},
		{"hub", "", []string{"docker.io=http://m"}, "alpine", "m/library/alpine", true},
		{"hub with slashes", "", []string{"docker.io/=https://m/"}, "alpine", "m/library/alpine", false},
		{"hub by its index", "", []string{"index.docker.io=https://m"}, "docker.io/library/alpine", "m/library/alpine", false},
		{"hub by its third name only", "", []string{"registry-1.docker.io=https://m"}, "alpine", "docker.io/library/alpine", false},
		{"path", "", []string{"x.io=https://m/cache/x"}, "x.io/a/b", "m/cache/x/a/b", false},
		{"another registry", "", []string{"x.io=https://m"}, "y.io/a/b", "y.io/a/b", false},
		{"own before all", "", []string{"https://all", "x.io=https://own"}, "x.io/a/b", "own/a/b", false},
		{"environment", "x.io=http://m,y.io=http://n", nil, "y.io/a", "n/a", true},
		{"environment with blanks", "x.io=http://m  y.io=http://n", nil, "x.io/a", "m/a", true},
		{"flag over environment", "x.io=http://m", []string{"x.io=https://n"}, "x.io/a", "n/a", false},
		{"empty entries", " , ", []string{""}, "x.io/a", "x.io/a", false},
		{"equals sign in the URL", "", []string{"https://m/a=b"}, "x.io/c", "m/a=b/c", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ParseMirrors(c.env, c.flags)
			if err != nil {
				t.Fatal(err)
			}
			r, err := reference.Parse(c.ref)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.targets(r)[0]; got.host+"/"+got.repository != c.want || got.plain != c.plain {
				t.Errorf("target = %+v, want %s", got, c.want)
			}
		})
	}
	for _, flag := range []string{"foo", "x.io=foo", "x.io=ftp://m", "http://"} {
		if _, err := ParseMirrors("", []string{flag}); err == nil || !strings.Contains(err.Error(), "mirror ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestPullThroughMirror(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	publish(t, s, s.host+"/cache/library/alpine:latest")
	mirrors, err := ParseMirrors("docker.io=http://"+s.host+"/cache", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Options{Mirrors: mirrors})
	ref := "docker.io/library/alpine"
	if _, err := c.Pull(t.Context(), ref, []ocispec.Platform{arm64}, 0); err != nil {
		t.Fatal(err)
	}
	c.check(t, ref, arm64)
	all, err := c.opts.Store.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Ref != ref {
		t.Errorf("List = %v, %v", all, err)
	}
}

func TestCertificates(t *testing.T) {
	s := newServer(t, httptest.NewTLSServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	bad := write("bad.pem", []byte("not PEM"))
	if _, err := newClient(t, Options{}).Pull(t.Context(), ref, nil, 0); err == nil {
		t.Error("an unknown authority was trusted")
	}
	if _, err := newClient(t, Options{CertFiles: []string{good}}).Pull(t.Context(), ref, nil, 0); err != nil {
		t.Error(err)
	}
	if _, err := newClient(t, Options{CertFiles: []string{bad}}).Pull(t.Context(), ref, nil, 0); err == nil || !strings.Contains(err.Error(), "failed to append CA certificate") {
		t.Errorf("file without certificate: %v", err)
	}
	if _, err := New(Options{CertFiles: []string{filepath.Join(dir, "none")}}); err == nil || !strings.Contains(err.Error(), "failed to read certificate file") {
		t.Errorf("missing file: %v", err)
	}
}

// answering answers without network.
type answering struct{}

func (answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTeapot, Request: r, Body: http.NoBody}, nil
}

func TestPlainHTTP(t *testing.T) {
	p := &policy{inner: answering{}, target: target{host: "mirror.example:5000", plain: true}}
	for url, allowed := range map[string]bool{
		"https://x.io/v2/":                 true,
		"http://127.0.0.1:5000/v2/":        false,
		"http://localhost/v2/":             false,
		"http://[::1]:5000/v2/":            false,
		"http://mirror.example:5000/v2/":   true,
		"http://mirror.example/v2/":        false,
		"http://x.io/v2/":                  false,
		"http://10.0.0.1/v2/":              false,
		"http://registry.local/v2/":        false,
		"http://localhost.evil.example/":   false,
		"http://127.0.0.1.evil.example/":   false,
		"http://169.254.169.254/meta-data": false,
	} {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.RoundTrip(req); errors.Is(err, errPlain) == allowed {
			t.Errorf("%s: %v", url, err)
		}
		// Only a registry on this host may point to others there.
		local := &policy{inner: answering{}, target: target{host: "127.0.0.1:5000"}}
		if _, err := local.RoundTrip(req); errors.Is(err, errPlain) == (isLoopback(req.URL.Hostname()) || req.URL.Scheme == "https") {
			t.Errorf("from this host, %s: %v", url, err)
		}
	}
}

func FuzzMirrors(f *testing.F) {
	f.Add("docker.io=http://m/x,https://y", "x.io/a:1")
	f.Fuzz(func(t *testing.T, env, ref string) {
		m, err := ParseMirrors(env, nil)
		if err != nil {
			return
		}
		r, err := reference.Parse(ref)
		if err != nil {
			return
		}
		if got := m.targets(r)[0]; got.host == "" || !strings.HasSuffix(got.repository, r.Repository) {
			t.Errorf("target of %s with %q = %+v", ref, env, got)
		}
	})
}

// A registry on this host is known to speak plain HTTP at once.
func TestNoPauseForPlain(t *testing.T) {
	firstPause = time.Hour
	t.Cleanup(func() { firstPause = time.Millisecond })
	s := newServer(t, httptest.NewServer)
	publish(t, s, s.host+"/org/x:1")
	if _, err := newClient(t, Options{}).Resolve(t.Context(), s.host+"/org/x:1"); err != nil {
		t.Error(err)
	}
}
