package pkglib

import (
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/image"
)

// child makes a descriptor; text is its platform or, after "@", the content
// whose attestation it is.
func child(contents, text string) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(contents), Size: 1}
	if subject, attests := strings.CutPrefix(text, "@"); attests {
		d.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
		d.Annotations = map[string]string{image.AnnotationSubject: digest.FromString(subject).String()}
		return d
	}
	arch, variant, _ := strings.Cut(text, "/")
	d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch, Variant: variant}
	return d
}

func TestExtendIndexConcurrently(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	names := []string{"a", "b", "c", "d", "e", "f"}
	for _, n := range names {
		wg.Go(func() {
			if err := extendIndex(t.Context(), s, "docker.io/x/y:z", []ocispec.Descriptor{child(n, n)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := strings.Fields(arches(t, s, "docker.io/x/y:z")); len(got) != len(names) {
		t.Errorf("index has %v", got)
	}
}

func TestExtendWhatIsNoIndex(t *testing.T) {
	s := newStore(t)
	desc, err := s.Put(t.Context(), ocispec.MediaTypeImageManifest, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	const ref = "docker.io/x/y:z"
	if err := s.Tag(t.Context(), ref, desc); err != nil {
		t.Fatal(err)
	}
	err = extendIndex(t.Context(), s, ref, []ocispec.Descriptor{child("a", "amd64")})
	if err == nil || !strings.Contains(err.Error(), "image named "+ref+" already exists in cache and is not an index") {
		t.Error(err)
	}
}

func TestDamagedIndex(t *testing.T) {
	s := newStore(t)
	desc, err := s.Put(t.Context(), ocispec.MediaTypeImageIndex, []byte("{"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(t.Context(), "docker.io/x/y:z", desc); err != nil {
		t.Fatal(err)
	}
	if _, err := children(t.Context(), s, "docker.io/x/y:z"); err == nil || !strings.Contains(err.Error(), "image docker.io/x/y:z: read index") {
		t.Error(err)
	}
}
