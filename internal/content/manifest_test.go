package content

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestDetectMediaType(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`{"manifests":[]}`, ocispec.MediaTypeImageIndex},
		{`{"config":{},"layers":[]}`, ocispec.MediaTypeImageManifest},
		{`{"mediaType":"` + MediaTypeDockerList + `","manifests":[]}`, MediaTypeDockerList},
		{`{"mediaType":"` + MediaTypeDockerManifest + `","config":{}}`, MediaTypeDockerManifest},
		{`{"layers":[],"manifests":null}`, ocispec.MediaTypeImageManifest},
		// A document must not be readable in two ways.
		{`{"manifests":[],"layers":[]}`, ""},
		{`{"manifests":[],"config":{}}`, ""},
		{`{"Manifests":[],"layers":[]}`, ""},
		{`{"manifests":[],"fsLayers":[]}`, ""},
		{`{"mediaType":"` + ocispec.MediaTypeImageIndex + `","config":{},"layers":[]}`, ""},
		{`{"mediaType":"` + ocispec.MediaTypeImageManifest + `","manifests":[]}`, ""},
		{`{"MediaType":"x","manifests":[]}`, ""},
		// Docker's first schema.
		{`{"schemaVersion":1,"fsLayers":[],"history":[]}`, ""},
		{`{"mediaType":7,"manifests":[]}`, ""},
		{`{}`, ""}, {`[]`, ""}, {``, ""}, {`null`, ""}, {`{"manifests":[]} {}`, ""},
	} {
		got, err := DetectMediaType([]byte(c.doc))
		if got != c.want || (c.want == "") != errors.Is(err, ErrInvalid) {
			t.Errorf("DetectMediaType(%s) = %q, %v", c.doc, got, err)
		}
	}
}

func TestDecodeRefusesDescriptors(t *testing.T) {
	hex := strings.Repeat("0", 64)
	for _, d := range []string{
		`{"digest":"sha256:../../etc/passwd","size":1}`, `{"digest":"","size":1}`, `{"digest":"sha256:00","size":1}`,
		`{"digest":"sha1:0000000000000000000000000000000000000000","size":1}`, `{"digest":"sha256:` + hex + `","size":-1}`,
	} {
		if _, err := DecodeIndex(fmt.Appendf(nil, `{"manifests":[%s]}`, d)); !errors.Is(err, ErrInvalid) {
			t.Errorf("index with %s: %v", d, err)
		}
		if _, err := DecodeManifest(fmt.Appendf(nil, `{"config":{"digest":"sha256:%s"},"layers":[%s]}`, hex, d)); !errors.Is(err, ErrInvalid) {
			t.Errorf("manifest with %s: %v", d, err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"manifests":[{"digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`))
	f.Add([]byte(`{"config":{"digest":"x"},"layers":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, indexErr := DecodeIndex(data)
		m, manifestErr := DecodeManifest(data)
		if indexErr == nil && manifestErr == nil {
			t.Errorf("an index and an image: %q", data)
		}
		if indexErr == nil && checkDescriptors(i.Manifests...) != nil {
			t.Errorf("bad descriptors: %q", data)
		}
		if manifestErr == nil && checkDescriptors(m.Layers...) != nil {
			t.Errorf("bad descriptors: %q", data)
		}
	})
}
