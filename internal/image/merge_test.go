package image

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

func child(name, platform string) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(name)}
	if platform != "" {
		p, err := ParsePlatform(platform)
		if err != nil {
			panic(err)
		}
		d.Platform = &p
	}
	return d
}

func about(subject ocispec.Descriptor) ocispec.Descriptor {
	d := child("about "+subject.Digest.String(), "unknown/unknown")
	d.Annotations = map[string]string{AnnotationType: TypeAttestation, AnnotationSubject: subject.Digest.String()}
	return d
}

func TestMerge(t *testing.T) {
	a1, a2, r1 := child("a1", "linux/amd64"), child("a2", "linux/amd64"), child("r1", "linux/arm64")
	r8, v6, v7 := child("r8", "linux/arm64/v8"), child("v6", "linux/arm/v6"), child("v7", "linux/arm/v7")
	bare := child("bare", "")
	anew, shared := about(a1), about(r1)
	anew.Digest, shared.Digest = digest.FromString("anew"), about(a1).Digest
	type list = []ocispec.Descriptor
	for name, c := range map[string]struct{ other, own, want list }{
		"nothing there":      {nil, list{a1, r1}, list{a1, r1}},
		"nothing new":        {list{a1, r1}, list{r1}, list{a1, r1}},
		"replaced":           {list{a1, about(a1), r1, about(r1)}, list{a2, about(a2)}, list{a2, r1, about(r1), about(a2)}},
		"added":              {list{a1}, list{r1, about(r1)}, list{a1, r1, about(r1)}},
		"variant implied":    {list{r8}, list{r1}, list{r1}},
		"variants differ":    {list{v6}, list{v7}, list{v6, v7}},
		"twice":              {list{a1, a1}, list{a1}, list{a1}},
		"without platform":   {list{bare}, list{a1, bare}, list{bare, a1}},
		"dangling":           {list{a1, about(r1)}, list{a2}, list{a2}},
		"own is dangling":    {list{a1}, list{about(a2)}, list{a1}},
		"attested anew":      {list{a1, about(a1)}, list{a1, anew}, list{a1, anew}},
		"equal attestations": {list{a1, about(a1)}, list{r1, shared}, list{a1, about(a1), r1, shared}},
		"stays in place":     {list{a1, about(a1), r1}, list{a1, about(a1), r1, about(r1)}, list{a1, about(a1), r1, about(r1)}},
		"attestations apart": {list{a1, about(a1)}, list{about(a1)}, list{a1, about(a1)}},
	} {
		got := Merge(c.other, c.own)
		if !slices.EqualFunc(got, c.want, func(x, y ocispec.Descriptor) bool { return x.Digest == y.Digest }) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if again := Merge(got, c.own); len(again) != len(got) {
			t.Errorf("%s: the second time %v", name, again)
		}
	}
}

func TestMergeIndex(t *testing.T) {
	encode := func(mediaType string, children ...ocispec.Descriptor) []byte {
		data, err := json.Marshal(ocispec.Index{MediaType: mediaType, Manifests: children})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	a, r := child("a", "linux/amd64"), child("r", "linux/arm64")
	docker := encode(content.MediaTypeDockerList, a)
	got, changed, err := MergeIndex(docker, encode(ocispec.MediaTypeImageIndex, r))
	if mediaType, _ := content.DetectMediaType(got); err != nil || !changed || mediaType != ocispec.MediaTypeImageIndex {
		t.Errorf("MergeIndex = %s, %v, %v", got, changed, err)
	}
	if got, changed, err := MergeIndex(docker, encode(ocispec.MediaTypeImageIndex, a)); err != nil || changed || string(got) != string(docker) {
		t.Errorf("nothing new: %s, %v, %v", got, changed, err)
	}
	if _, _, err := MergeIndex([]byte("{}"), docker); err == nil {
		t.Error("no index was merged")
	}
}
