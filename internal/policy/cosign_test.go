package policy

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

// testdata/cosign holds what cosign 3.0.2 wrote when it signed
// docker.io/conf/app:v1 of the recorded cache as s/old, in its older format,
// and as s/new, as a bundle.
func TestRecordedCosign(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(dir, os.DirFS("testdata/cosign")); err != nil {
		t.Fatal(err)
	}
	s, err := content.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile("testdata/cosign/cosign.pub")
	if err != nil {
		t.Fatal(err)
	}
	_, other := newKey(t, "p256")
	const signed = digest.Digest("sha256:789db3a30c6638aeea7fc94bfd1bcd755cedcac93ba1a3d6f6daa3ce4fe75918")
	for _, c := range []struct {
		ref    string
		digest digest.Digest
		key    []byte
		ok     bool
	}{
		{"127.0.0.1:5998/s/old:v1", signed, public, true},
		{"127.0.0.1:5998/s/new:v1", signed, public, true},
		{"127.0.0.1:5998/s/old:v1", signed, other, false},
		{"127.0.0.1:5998/s/new:v1", signed, other, false},
		{"127.0.0.1:5998/s/none:v1", signed, public, false},
		{"127.0.0.1:5998/s/new:v1", digest.FromString("x"), public, false},
	} {
		p := parse(t, "rules: [{images: ['**'], keys: [a.pub]}]", map[string][]byte{"a.pub": c.key})
		d := ocispec.Descriptor{Digest: c.digest}
		err := (&Checker{Policy: p, Store: s}).Check(t.Context(), image.Found{Ref: c.ref, Root: d, Manifest: d})
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", c.ref, err)
		}
	}
}
