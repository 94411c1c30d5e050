package content

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// overwrite changes the content of a blob, but not its length.
func overwrite(t *testing.T, s *Store, d digest.Digest) {
	t.Helper()
	name, err := s.blobPath(d)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(s.path(name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, s *Store, d digest.Digest) {
	t.Helper()
	name, err := s.blobPath(d)
	if err == nil {
		err = os.Remove(s.path(name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// One bit changed in any file is found, and who needs it is told.
func TestAuditEveryBlob(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	audit, err := s.Audit(ctx)
	if err != nil || len(audit.Damaged) != 0 || audit.Blobs != len(files(t, s, "blobs/sha256")) {
		t.Fatalf("Audit = %+v, %v", audit, err)
	}
	for _, name := range files(t, s, "blobs/sha256") {
		d := digest.NewDigestFromEncoded(digest.SHA256, name)
		whole, _ := os.ReadFile(s.path("blobs/sha256/" + name))
		overwrite(t, s, d)
		audit, err := s.Audit(ctx)
		if err != nil || len(audit.Damaged) == 0 {
			t.Fatalf("%s: %+v, %v", d, audit, err)
		}
		if bad := audit.Damaged[0]; bad.Digest != d || !errors.Is(bad.Err, ErrCorrupt) || len(bad.Refs) == 0 {
			t.Errorf("%s: %+v", d, bad)
		}
		if err := os.WriteFile(s.path("blobs/sha256/"+name), whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAuditMissing(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	d := mustPutImage(t, s, "layer")
	if err := s.Tag(ctx, "x.io/a:1", d); err != nil {
		t.Fatal(err)
	}
	m, err := s.ReadManifest(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	loose, err := s.Put(ctx, ocispec.MediaTypeImageLayer, []byte("nobody needs it"))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, s, loose.Digest)
	remove(t, s, m.Layers[0].Digest)
	audit, err := s.Audit(ctx)
	if err != nil || len(audit.Damaged) != 2 {
		t.Fatalf("Audit = %+v, %v", audit, err)
	}
	if bad := audit.Damaged[0]; bad.Digest != loose.Digest || len(bad.Refs) != 0 {
		t.Errorf("first: %+v", bad)
	}
	if bad := audit.Damaged[1]; bad.Digest != m.Layers[0].Digest || !errors.Is(bad.Err, ErrNotFound) || bad.Refs[0] != "x.io/a:1" {
		t.Errorf("second: %+v", bad)
	}
	for _, bad := range audit.Damaged {
		if err := s.Discard(ctx, bad.Digest); err != nil {
			t.Error(err)
		}
	}
	if s.Has(ctx, loose) {
		t.Error("a damaged blob was not removed")
	}
	if err := s.Discard(ctx, m.Config.Digest); err != nil || !s.Has(ctx, m.Config) {
		t.Errorf("a blob that is right was removed: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Discard(cancelled, m.Config.Digest); err == nil || !s.Has(ctx, m.Config) {
		t.Errorf("a blob that was not read to its end was removed: %v", err)
	}
	if audit, err = s.AuditNames(ctx, audit); err != nil || len(audit.Damaged) != 1 {
		t.Errorf("AuditNames = %+v, %v", audit, err)
	}
}

// What an index lists for other platforms may be absent, but not all of it.
func TestAuditPartial(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	d := mustPutImage(t, s, "layer")
	absent := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("absent"), Size: 6}
	data, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{d, absent}})
	if err != nil {
		t.Fatal(err)
	}
	index, err := s.Put(ctx, ocispec.MediaTypeImageIndex, data)
	if err == nil {
		err = s.Tag(ctx, "x.io/a:1", index)
	}
	if err != nil {
		t.Fatal(err)
	}
	if audit, err := s.Audit(ctx); err != nil || len(audit.Damaged) != 0 {
		t.Errorf("Audit = %+v, %v", audit, err)
	}
	remove(t, s, d.Digest)
	if audit, err := s.Audit(ctx); err != nil || len(audit.Damaged) != 2 {
		t.Errorf("Audit = %+v, %v", audit, err)
	}
}

func TestUsage(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	if u, err := s.Usage(ctx); err != nil || u.Total() != 0 {
		t.Errorf("empty: %+v, %v", u, err)
	}
	a, b := mustPutImage(t, s, strings.Repeat("a", 1000)), mustPutImage(t, s, strings.Repeat("b", 500))
	for ref, d := range map[string]ocispec.Descriptor{"x.io/a:1": a, "x.io/a:2": a, "x.io/b:1": b} {
		if err := s.Tag(ctx, ref, d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put(ctx, ocispec.MediaTypeImageLayer, make([]byte, 77)); err != nil {
		t.Fatal(err)
	}
	deriveSize(t, s, "x", 33)
	u, err := s.Usage(ctx)
	if err != nil || u.Unreferenced != 77 || u.Derived != 33 || len(u.Images) != 3 {
		t.Fatalf("Usage = %+v, %v", u, err)
	}
	for _, i := range u.Images {
		shared := strings.HasPrefix(i.Ref, "x.io/a")
		if shared && (i.Own != 0 || i.Whole < 1000) || !shared && (i.Own != i.Whole || i.Whole < 500) {
			t.Errorf("%s: %d, own %d", i.Ref, i.Whole, i.Own)
		}
	}
	if sum := u.Images[0].Whole + u.Images[2].Whole + u.Unreferenced; sum != u.Blobs {
		t.Errorf("the shares make %d of %d", sum, u.Blobs)
	}
}

func deriveSize(t *testing.T, s *Store, key string, size int) {
	t.Helper()
	w, err := s.Derived().Create(t.Context(), key)
	if err == nil {
		_, err = w.Write(make([]byte, size))
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCollectGarbage(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	before := len(files(t, s, "blobs/sha256"))
	loose, err := s.Put(ctx, ocispec.MediaTypeImageLayer, make([]byte, 77))
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"old", "new"} {
		deriveSize(t, s, key, 100)
		used := time.Now().Add(time.Duration(i-2) * time.Hour)
		f, err := s.Derived().Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.Chtimes(f.Name(), used, used); err != nil {
			t.Fatal(err)
		}
	}
	collect := func(l Limits) Collected {
		t.Helper()
		got, err := s.CollectGarbage(ctx, l)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := collect(Limits{Age: time.Hour * 3, Size: -1}); got != (Collected{}) {
		t.Errorf("all is young: %+v", got)
	}
	if got := collect(Limits{Age: 90 * time.Minute, Size: -1}); got != (Collected{Derived: 1, DerivedBytes: 100}) {
		t.Errorf("one derived file is old: %+v", got)
	}
	for _, dry := range []bool{true, false} {
		if got := collect(Limits{DryRun: dry}); got != (Collected{1, 1, 77, 100}) {
			t.Errorf("all that can go, dry run %v: %+v", dry, got)
		}
	}
	if s.Has(ctx, loose) || len(files(t, s, "blobs/sha256")) != before {
		t.Error("other blobs are left than those with names")
	}
	checkWhole(t, s)
	release, err := s.Pin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, err := s.CollectGarbage(ctx, Limits{}); !errors.Is(err, ErrBusy) {
		t.Errorf("while blobs are pinned: %v", err)
	}
	if got, err := openStore(t, t.TempDir()+"/none").CollectGarbage(ctx, Limits{}); err != nil || got != (Collected{}) {
		t.Errorf("no cache: %+v, %v", got, err)
	}
}

func TestDerivedAudit(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	deriveSize(t, s, "good", 10)
	deriveSize(t, s, "bad", 10)
	f, err := s.Derived().Get(ctx, "bad")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile(f.Name(), []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	checked, removed, err := s.Derived().Audit(ctx)
	if err != nil || checked != 2 || removed != 1 {
		t.Errorf("Audit = %d, %d, %v", checked, removed, err)
	}
	if _, err := s.Derived().Get(ctx, "bad"); !errors.Is(err, ErrNotFound) {
		t.Errorf("damaged: %v", err)
	}
	g, err := s.Derived().Get(ctx, "good")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if data, err := io.ReadAll(g); err != nil || len(data) != 10 {
		t.Errorf("good: %d bytes, %v", len(data), err)
	}
}
