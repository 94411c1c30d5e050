package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

func newStore(t *testing.T) *content.Store {
	t.Helper()
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var subjectDigest = digest.FromString("image")

// written is an attestation as BuildKit writes it: with statements by type.
func written(t *testing.T, s *content.Store, old bool, statements map[string]string) ocispec.Descriptor {
	t.Helper()
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: ocispec.DescriptorEmptyJSON}
	var ids []digest.Digest
	for kind, text := range statements {
		desc, err := s.Put(t.Context(), mediaTypeInToto, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		desc.Annotations = map[string]string{annotationPredicate: kind}
		m.Layers, ids = append(m.Layers, desc), append(ids, desc.Digest)
	}
	var err error
	if old {
		m.Config, err = putJSON(t.Context(), s, ocispec.MediaTypeImageConfig, ocispec.Image{RootFS: ocispec.RootFS{DiffIDs: ids}})
	}
	if err != nil {
		t.Fatal(err)
	}
	desc, err := putJSON(t.Context(), s, ocispec.MediaTypeImageManifest, m)
	if err != nil {
		t.Fatal(err)
	}
	desc.Annotations = map[string]string{image.AnnotationSubject: subjectDigest.String(), image.AnnotationType: image.TypeAttestation}
	desc.Platform = &ocispec.Platform{OS: unknown, Architecture: unknown}
	return desc
}

func TestNormalise(t *testing.T) {
	s, at := newStore(t), time.Unix(86400, 0)
	for name, c := range map[string]struct{ kind, text, want string }{
		"slsa 1": {
			PredicateSLSA,
			`{"predicate":{"buildDefinition":{"uri":"http://buildkit-session/abc123"},"runDetails":{"metadata":{"invocationId":"x","startedOn":"t","finishedOn":"t","buildkit_hermetic":true}}}}`,
			`{"predicate":{"buildDefinition":{"uri":"http://buildkit-session/context"},"runDetails":{"metadata":{"buildkit_hermetic":true}}}}`,
		},
		"slsa 0.2": {
			"https://slsa.dev/provenance/v0.2", `{"predicate":{"metadata":{"buildInvocationID":"x","buildStartedOn":"t","buildFinishedOn":"t","reproducible":false}}}`,
			`{"predicate":{"metadata":{"reproducible":false}}}`,
		},
		"spdx": {
			PredicateSPDX, `{"predicate":{"creationInfo":{"created":"2026-11-01T00:00:00Z","creators":["x"]},"documentNamespace":"random"}}`,
			`{"predicate":{"creationInfo":{"created":"1970-01-02T00:00:00Z","creators":["x"]},"documentNamespace":"` + namespace(subjectDigest) + `"}}`,
		},
		"nothing to find": {PredicateSLSA, `{"predicate":null}`, `{"predicate":null}`},
	} {
		for _, old := range []bool{true, false} {
			before := written(t, s, old, map[string]string{c.kind: c.text})
			after, err := Normalise(t.Context(), s, before, at)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			m, err := s.ReadManifest(t.Context(), after)
			if err != nil || after.Annotations[image.AnnotationSubject] != subjectDigest.String() || after.Platform.OS != unknown || m.Layers[0].Annotations[annotationPredicate] != c.kind {
				t.Errorf("%s: %+v, %+v, %v", name, after, m, err)
			}
			data, err := s.ReadAll(t.Context(), m.Layers[0])
			if err != nil || string(data) != c.want {
				t.Errorf("%s: %s, %v; want %s", name, data, err, c.want)
			}
			if old {
				checkConfig(t, s, m)
			}
		}
	}
	if _, err := Normalise(t.Context(), s, written(t, s, true, map[string]string{PredicateSPDX: "["}), at); err == nil || !strings.Contains(err.Error(), "normalise attestation") {
		t.Errorf("a damaged statement: %v", err)
	}
}

func checkConfig(t *testing.T, s *content.Store, m ocispec.Manifest) {
	t.Helper()
	data, err := s.ReadAll(t.Context(), m.Config)
	if err != nil {
		t.Fatal(err)
	}
	var config ocispec.Image
	if err := json.Unmarshal(data, &config); err != nil || config.RootFS.DiffIDs[0] != m.Layers[0].Digest {
		t.Errorf("configuration %s, %v", data, err)
	}
}

func TestPurl(t *testing.T) {
	for name, want := range map[string]string{
		"docker.io/linuxkit/x:1": "pkg:docker/linuxkit/x@1?platform=linux%2Farm%2Fv7", "reg:5000/x": "pkg:docker/reg:5000/x?platform=linux%2Farm%2Fv7",
		"": "pkg:docker/image?platform=linux%2Farm%2Fv7",
	} {
		f := Facts{Name: name, Image: ocispec.Descriptor{Platform: &ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}}}
		if got := f.purl(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	f.Add(PredicateSPDX, []byte(`{"predicate":{"creationInfo":{}}}`))
	f.Add(PredicateSLSA, []byte(`{"predicate":{"runDetails":{"metadata":{}}}}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		n := normaliser{image: subjectDigest}
		once, err := n.statement(kind, data)
		if err != nil {
			return
		}
		if twice, err := n.statement(kind, once); err != nil || string(once) != string(twice) {
			t.Errorf("%s becomes %s, then %s, %v", data, once, twice, err)
		}
	})
}
