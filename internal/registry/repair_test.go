package registry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// pullAndDamage returns a client whose store has a damaged image of s.
func pullAndDamage(t *testing.T, s *server, ref string) (c *Client, root ocispec.Descriptor, damaged int) {
	t.Helper()
	c = newClient(t, Options{})
	root, err := c.Pull(t.Context(), ref, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.opts.Store.Walk(t.Context(), root, func(d ocispec.Descriptor, err error) error {
		if err == nil && d.Digest != root.Digest {
			damage(t, c.opts.Store, d.Digest, strings.Repeat("x", int(d.Size)))
			damaged++
		}
		return nil
	})
	return c, root, damaged
}

// TestRepair fetches all that is damaged, also what only becomes known when
// the manifests are there again.
func TestRepair(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	c, _, damaged := pullAndDamage(t, s, ref)
	audit, err := c.opts.Store.Audit(t.Context())
	if err != nil || damaged == 0 {
		t.Fatalf("%d damaged, %v", damaged, err)
	}
	repaired, left, err := c.Repair(t.Context(), audit)
	if err != nil || len(repaired) != damaged || len(left.Damaged) != 0 {
		t.Errorf("%d of %d repaired, left: %+v, %v", len(repaired), damaged, left, err)
	}
	if audit, err := c.opts.Store.Audit(t.Context()); err != nil || len(audit.Damaged) != 0 {
		t.Errorf("then: %+v, %v", audit, err)
	}
}

// TestRepairWithoutRegistry leaves nothing that passes for whole.
func TestRepairWithoutRegistry(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	c, root, _ := pullAndDamage(t, s, ref)
	s.Close()
	audit, err := c.opts.Store.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	repaired, left, err := c.Repair(t.Context(), audit)
	if err != nil || len(repaired) != 0 || len(left.Damaged) == 0 {
		t.Fatalf("repaired %v, left %+v, %v", repaired, left, err)
	}
	for _, d := range left.Damaged {
		if !errors.Is(d.Err, content.ErrNotFound) || c.opts.Store.Has(t.Context(), d.Descriptor) {
			t.Errorf("blob %s is still there: %v", d.Digest, d.Err)
		}
	}
	if !c.opts.Store.Has(t.Context(), root) {
		t.Error("what is right was removed")
	}
}

// TestRepairBadManifest comes to an end though the registry has nothing better
// than what is wrong.
func TestRepairBadManifest(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	c := newClient(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bad := []byte(`{"schemaVersion":2,"config":{"digest":"none"},"layers":[]}`)
	desc, err := c.opts.Store.Put(ctx, ocispec.MediaTypeImageManifest, bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.opts.Store.Tag(ctx, s.host+"/org/x:1", desc); err != nil {
		t.Fatal(err)
	}
	var fetched atomic.Int32
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/"+desc.Digest.String()) {
			return false
		}
		if fetched.Add(1) == 3 {
			cancel() // it would go on for ever
		}
		w.Write(bad)
		return true
	}
	audit, err := c.opts.Store.Audit(ctx)
	if err != nil || len(audit.Damaged) != 1 {
		t.Fatalf("%+v, %v", audit, err)
	}
	repaired, left, err := c.Repair(ctx, audit)
	if err != nil || len(repaired) != 0 || len(left.Damaged) != 1 || fetched.Load() != 1 {
		t.Errorf("repaired %v, left %+v, fetched %d times, %v", repaired, left, fetched.Load(), err)
	}
}

func TestHolds(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	ref := s.host + "/org/x:1"
	publish(t, s, ref)
	c := newClient(t, Options{})
	root, err := c.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	other, absent := content.Named{Ref: ref, Descriptor: root}, content.Named{Ref: s.host + "/org/no:1", Descriptor: root}
	other.Digest = digest.FromString("another")
	for name, c2 := range map[string]struct {
		content.Named
		want bool
	}{"the same": {content.Named{Ref: ref, Descriptor: root}, true}, "another": {other, false}, "absent": {absent, false}} {
		if got, err := c.Holds(t.Context(), c2.Named); err != nil || got != c2.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
