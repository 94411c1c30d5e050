package registry

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/image"
)

// TestPlatformsOfSilent asks a registry that does not answer only once, unless
// there is no way without it.
func TestPlatformsOfSilent(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	c := newClient(t, Options{})
	release := make(chan struct{})
	meddle := func(f func(http.ResponseWriter, *http.Request) bool) (requests int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.meddle = f
		return s.count
	}
	meddle(func(http.ResponseWriter, *http.Request) bool { <-release; return true })
	if _, err := c.Platforms(t.Context(), ref, 50*time.Millisecond); !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("silent: %v", err)
	}
	close(release)
	before := meddle(nil)
	if _, err := c.Platforms(t.Context(), ref, time.Minute); !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("known to be silent: %v", err)
	}
	if after := meddle(nil); after != before {
		t.Errorf("it was asked %d times again", after-before)
	}
	if list, err := c.Platforms(t.Context(), ref, 0); err != nil || len(list) != 2 {
		t.Errorf("with all the time: %v, %v", list, err)
	}
}
