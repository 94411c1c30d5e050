package registry

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/internal/registrytest"
)

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// refer stores a document about subject.
func refer(t *testing.T, s *content.Store, subject ocispec.Descriptor, kind, text string) ocispec.Descriptor {
	t.Helper()
	data, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: kind,
		Config: store(t, s, ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{store(t, s, kind, []byte(text))},
		Subject: &subject,
	})
	if err != nil {
		t.Fatal(err)
	}
	return store(t, s, ocispec.MediaTypeImageManifest, data)
}

// Signatures are pulled, whatever the index of referrers says about its
// entries; other documents are not. Registries without the interface for
// referrers keep that index under a tag.
func TestPullSignatures(t *testing.T) {
	for _, named := range []string{bundleType, "", ocispec.MediaTypeEmptyJSON} {
		t.Run("type "+named, func(t *testing.T) {
			r := registrytest.Start(t, registrytest.Options{})
			from := realClient(t, r, emptyStore(t))
			cache := from.opts.Store
			ref := r.Host + "/org/app:1"
			img := put(t, cache, amd64, store(t, cache, ocispec.MediaTypeImageLayer, []byte("layer")))
			if err := cache.Tag(t.Context(), ref, img); err != nil {
				t.Fatal(err)
			}
			signature, sbom := refer(t, cache, img, bundleType, "{}"), refer(t, cache, img, "application/spdx+json", "{}")
			signature.ArtifactType = named
			name, err := reference.Parse(ref)
			if err != nil {
				t.Fatal(err)
			}
			cosign, referrers := image.SignatureNames(name, img.Digest)
			putIndex(t, cache, referrers, ocispec.MediaTypeImageIndex, sbom, signature)
			if err := cache.Tag(t.Context(), cosign, img); err != nil {
				t.Fatal(err)
			}
			for _, n := range []string{ref, cosign, referrers} {
				from.said(t, n, n, PushOptions{})
			}
			into := realClient(t, r, emptyStore(t))
			if err := into.PullSignatures(t.Context(), ref, img.Digest); err != nil {
				t.Fatal(err)
			}
			root, err := into.opts.Store.Resolve(t.Context(), referrers)
			if err != nil {
				t.Fatal(err)
			}
			if index, err := into.opts.Store.ReadIndex(t.Context(), root); err != nil || len(index.Manifests) != 1 || index.Manifests[0].Digest != signature.Digest {
				t.Errorf("referrers %+v, %v", index.Manifests, err)
			}
			if !into.opts.Store.Has(t.Context(), img) {
				t.Error("what cosign's tag names was not pulled")
			}
			if err := into.PullSignatures(t.Context(), ref, digest.FromString("unsigned")); err != nil {
				t.Errorf("an image without signatures: %v", err)
			}
		})
	}
}

// A registry that has the interface is asked that way; floods are refused.
func TestReferrersInterface(t *testing.T) {
	s := newServer(t, httptest.NewServer)
	count := 1
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: make([]ocispec.Descriptor, count)}
		for i := range index.Manifests {
			index.Manifests[i] = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 1, ArtifactType: "application/spdx+json"}
		}
		_ = json.NewEncoder(w).Encode(index)
		return true
	}
	c := newClient(t, Options{})
	pull := func() error { return c.PullSignatures(t.Context(), s.host+"/org/x:1", digest.FromString("y")) }
	if err := pull(); err != nil {
		t.Errorf("only an SBOM: %v", err)
	}
	count = maxReferrers + 1
	if err := pull(); err == nil {
		t.Error("a flood was accepted")
	}
}
