package image

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// Merge puts the children own of an index into those of another: an image
// takes the place of the one for its platform or goes to the end, attestations
// go to the end. What attests an image that is gone goes with it, and nothing
// is listed twice.
func Merge(other, own []ocispec.Descriptor) []ocispec.Descriptor {
	merged := slices.Clone(other)
	for _, d := range own {
		at := slices.IndexFunc(merged, func(m ocispec.Descriptor) bool { return m.Digest == d.Digest || replaces(d, m) })
		if at < 0 {
			merged = append(merged, d)
		} else {
			merged[at] = d
		}
	}
	present := map[string]bool{}
	for _, d := range merged {
		present[d.Digest.String()] = true
	}
	seen := map[digest.Digest]bool{}
	return slices.DeleteFunc(merged, func(d ocispec.Descriptor) bool {
		subject, about := d.Annotations[annotationSubject]
		again := seen[d.Digest]
		seen[d.Digest] = true
		return again || about && !present[subject]
	})
}

// replaces tells whether two children are images for one platform.
func replaces(a, b ocispec.Descriptor) bool {
	if a.Platform == nil || b.Platform == nil || isAttestation(a) || isAttestation(b) {
		return false
	}
	return a.Platform.OS == b.Platform.OS && a.Platform.Architecture == b.Platform.Architecture &&
		a.Platform.OSVersion == b.Platform.OSVersion && NormalVariant(*a.Platform) == NormalVariant(*b.Platform)
}

// MergeIndex is the index other with the children of own merged into it, and
// whether it differs from other. It is always of the type of OCI, also where
// other is a manifest list of Docker; the children stay what they are.
func MergeIndex(other, own []byte) (merged []byte, changed bool, err error) {
	theirs, err := content.DecodeIndex(other)
	if err != nil {
		return nil, false, fmt.Errorf("merge indexes: %w", err)
	}
	ours, err := content.DecodeIndex(own)
	if err != nil {
		return nil, false, fmt.Errorf("merge indexes: %w", err)
	}
	listed := func(d ocispec.Descriptor) bool {
		return slices.ContainsFunc(theirs.Manifests, func(t ocispec.Descriptor) bool { return t.Digest == d.Digest })
	}
	if !slices.ContainsFunc(ours.Manifests, func(d ocispec.Descriptor) bool { return !listed(d) }) {
		return other, false, nil
	}
	theirs.SchemaVersion = 2
	theirs.MediaType = ocispec.MediaTypeImageIndex
	theirs.Manifests = Merge(theirs.Manifests, ours.Manifests)
	merged, err = json.Marshal(theirs)
	return merged, true, err
}

// Arches returns the images of an index for Linux, by the name that they are
// to have as images of their own.
func Arches(ref string, index ocispec.Index) map[string]ocispec.Descriptor {
	children := map[string]ocispec.Descriptor{}
	for _, d := range index.Manifests {
		if d.Platform != nil && d.Platform.OS == "linux" && !isAttestation(d) {
			children[ArchName(ref, *d.Platform)] = d
		}
	}
	return children
}
