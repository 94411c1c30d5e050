package registry

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// local is an address that a registry on this host may send us to.
func (s *spy) local() string { return strings.Replace(s.URL, "127.0.0.1", "localhost", 1) }

// What a registry refuses with says how to authenticate, so that it is not
// asked for that again. A redirect to one that refuses is another matter.
func TestGreeting(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	service := newSpy(t, giveToken)
	tokens(s, service.local())
	asked := func() []string {
		var paths []string
		inner := s.meddle
		s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
			paths = append(paths, r.URL.Path)
			return inner(w, r)
		}
		defer func() { s.meddle = inner }()
		if _, err := newClient(t, Options{}).Resolve(t.Context(), ref); err != nil {
			t.Error(err)
		}
		return paths
	}
	if got, want := asked(), []string{"/v2/org/x/manifests/1", "/v2/org/x/manifests/1"}; !slices.Equal(got, want) || len(service.seen) != 1 {
		t.Errorf("asked for %q, %d tokens", got, len(service.seen))
	}

	evil := newSpy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+service.local()+`/evil",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
		return true
	}
	if _, err := newClient(t, Options{}).Resolve(t.Context(), ref); status(err) != http.StatusUnauthorized || len(service.seen) != 1 {
		t.Errorf("%v, %d tokens", err, len(service.seen))
	}
}

// Blobs are read the way the registry wants, also if it gave the manifest to
// who asked without saying who.
func TestGreetingThenAuthentication(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	service := newSpy(t, giveToken)
	tokens(s, service.local())
	refuse, first := s.meddle, true
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if first {
			first = false
			return false
		}
		return refuse(w, r)
	}
	client := newClient(t, Options{})
	if _, err := client.Pull(t.Context(), ref, []ocispec.Platform{amd64}, 0); err != nil {
		t.Fatal(err)
	}
	client.check(t, ref, amd64)
	if len(service.seen) != 1 {
		t.Errorf("%d tokens", len(service.seen))
	}
}
