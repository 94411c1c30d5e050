package image

import (
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestContents(t *testing.T) {
	build := func(change func(*ocispec.Image)) digest.Digest {
		t.Helper()
		img := &Image{Ref: "x.io/a:1"}
		img.Config.Architecture = "amd64"
		img.Config.Config.Labels = map[string]string{LabelToolVersion: "1", ocispec.AnnotationRevision: "a", "own": "1"}
		img.Config.RootFS.DiffIDs = []digest.Digest{digest.FromString("layer")}
		change(&img.Config)
		d, err := img.Contents()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := build(func(*ocispec.Image) {})
	for name, c := range map[string]struct {
		change func(*ocispec.Image)
		same   bool
	}{
		"another commit":       {func(i *ocispec.Image) { i.Config.Labels[ocispec.AnnotationRevision] = "b" }, true},
		"another tool":         {func(i *ocispec.Image) { i.Config.Labels[LabelToolVersion] = "2" }, true},
		"no provenance":        {func(i *ocispec.Image) { i.Config.Labels = map[string]string{"own": "1"} }, true},
		"another history":      {func(i *ocispec.Image) { i.Author = "x" }, true},
		"another label":        {func(i *ocispec.Image) { i.Config.Labels["own"] = "2" }, false},
		"another environment":  {func(i *ocispec.Image) { i.Config.Env = []string{"A=b"} }, false},
		"another architecture": {func(i *ocispec.Image) { i.Architecture = "arm64" }, false},
		"another layer":        {func(i *ocispec.Image) { i.RootFS.DiffIDs = nil }, false},
	} {
		if got := build(c.change); (got == first) != c.same {
			t.Errorf("%s: same contents = %v, want %v", name, got == first, c.same)
		}
	}
}
