package content

import (
	"errors"
	"os"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestDeleteKeepsShared(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	before := len(files(t, s, "blobs/sha256"))
	app, err := s.Resolve(ctx, "docker.io/conf/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(ctx, "x.io/release:1", app); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "docker.io/conf/app:v1"); err != nil {
		t.Fatal(err)
	}
	if after := len(files(t, s, "blobs/sha256")); after != before {
		t.Errorf("%d blobs of %d are left while a name refers to all", after, before)
	}
	checkWhole(t, s)
	if err := s.Delete(ctx, "x.io/release:1"); err != nil {
		t.Fatal(err)
	}
	if after := len(files(t, s, "blobs/sha256")); after >= before || s.Has(ctx, app) {
		t.Errorf("%d blobs of %d are left", after, before)
	}
	if all := checkWhole(t, s); len(all) != 8 {
		t.Errorf("%d entries are left", len(all))
	}
}

func TestDeleteAllOrNothing(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	if err := s.Delete(ctx, "docker.io/conf/app:v1", "x.io/unknown"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete: %v", err)
	}
	if all := checkWhole(t, s); len(all) != 9 {
		t.Errorf("%d entries are left", len(all))
	}
}

func TestDeleteBroken(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	app, err := s.Resolve(ctx, "docker.io/conf/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	name, _ := s.blobPath(app.Digest)
	if err := os.Remove(s.path(name)); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "docker.io/conf/app:v1"); err != nil {
		t.Errorf("Delete of an entry without its blob: %v", err)
	}
	checkWhole(t, s)
}

func TestPinKeepsUnnamed(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	release, err := s.Pin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	named, unnamed := mustPutImage(t, s, "named"), mustPutImage(t, s, "unnamed")
	if err := s.Tag(ctx, "x.io/a:1", named); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(ctx, 0); !errors.Is(err, ErrBusy) {
		t.Errorf("Collect while pinned: %v", err)
	}
	release()
	release() // once is enough
	if freed, err := s.Collect(ctx, time.Hour); err != nil || freed != 0 {
		t.Errorf("Collect of what is an hour old: %d, %v", freed, err)
	}
	freed, err := s.Collect(ctx, 0)
	if err != nil || freed == 0 || s.Has(ctx, unnamed) || !s.Has(ctx, named) {
		t.Errorf("Collect freed %d, %v", freed, err)
	}
	checkWhole(t, s)
}

func TestWalkEnds(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	d := mustPutImage(t, s, "layer")
	for range 20 {
		var err error
		d, err = s.Put(ctx, ocispec.MediaTypeImageIndex, []byte(`{"manifests":[{"mediaType":"`+d.MediaType+`","digest":"`+d.Digest.String()+`"}]}`))
		if err != nil {
			t.Fatal(err)
		}
	}
	err := s.Walk(ctx, d, func(_ ocispec.Descriptor, err error) error { return err })
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("Walk of indexes in indexes: %v", err)
	}
}

func TestClean(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	for range 2 { // a missing directory is fine
		if err := s.Clean(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
			t.Errorf("the directory is still there: %v", err)
		}
	}
	if err := s.Tag(ctx, "x.io/a:1", mustPutImage(t, s, "again")); err != nil {
		t.Errorf("the store cannot be used again: %v", err)
	}
	checkWhole(t, s)
}

// TestMisnamedManifest keeps, and audits, an image whose entry calls it an
// index, as archives do that LinuxKit exports.
func TestMisnamedManifest(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	image := mustPutImage(t, s, "layer")
	misnamed := image
	misnamed.MediaType = ocispec.MediaTypeImageIndex
	if err := s.Tag(ctx, "x.io/a:1", misnamed); err != nil {
		t.Fatal(err)
	}
	if freed, err := s.Collect(ctx, 0); err != nil || freed != 0 {
		t.Errorf("Collect freed %d bytes of an image that has a name, %v", freed, err)
	}
	checkWhole(t, s)
	if audit, err := s.Audit(ctx); err != nil || len(audit.Damaged) != 0 {
		t.Errorf("Audit = %+v, %v", audit, err)
	}
	m, err := s.ReadManifest(ctx, image)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, s, m.Layers[0].Digest)
	if audit, err := s.Audit(ctx); err != nil || len(audit.Damaged) != 1 || audit.Damaged[0].Digest != m.Layers[0].Digest {
		t.Errorf("without its layer: Audit = %+v, %v", audit, err)
	}
}
