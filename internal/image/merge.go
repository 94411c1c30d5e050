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
// go to the end. What attests an image that is gone or attested anew goes, and
// nothing is listed twice.
func Merge(other, own []ocispec.Descriptor) []ocispec.Descriptor {
	ours, anew := map[entry]bool{}, map[string]bool{}
	for _, d := range own {
		ours[entryOf(d)] = true
		anew[d.Annotations[AnnotationSubject]] = true
	}
	merged := slices.DeleteFunc(slices.Clone(other), func(d ocispec.Descriptor) bool {
		subject, about := d.Annotations[AnnotationSubject]
		return about && anew[subject] && !ours[entryOf(d)]
	})
	for _, d := range own {
		at := slices.IndexFunc(merged, func(m ocispec.Descriptor) bool {
			return entryOf(m) == entryOf(d) || !isAttestation(m) && !isAttestation(d) && SamePlatform(m.Platform, d.Platform)
		})
		if at < 0 {
			merged = append(merged, d)
		} else {
			merged[at] = d
		}
	}
	return withoutDangling(merged)
}

// entry is what an index lists once: a blob, and what it attests if it is an
// attestation, of which several images may have equal ones.
type entry struct {
	digest.Digest
	subject string
}

func entryOf(d ocispec.Descriptor) entry {
	return entry{d.Digest, d.Annotations[AnnotationSubject]}
}

// withoutDangling drops what attests an image that is not there, and what is
// listed again.
func withoutDangling(list []ocispec.Descriptor) []ocispec.Descriptor {
	present := map[string]bool{}
	for _, d := range list {
		present[d.Digest.String()] = true
	}
	seen := map[entry]bool{}
	return slices.DeleteFunc(list, func(d ocispec.Descriptor) bool {
		subject, about := d.Annotations[AnnotationSubject]
		again := seen[entryOf(d)]
		seen[entryOf(d)] = true
		return again || about && !present[subject]
	})
}

// SamePlatform tells whether two children of an index are images for one
// platform. Attestations have none that is known.
func SamePlatform(a, b *ocispec.Platform) bool {
	if a == nil || b == nil || a.OS == unknown || b.OS == unknown {
		return false
	}
	return a.OS == b.OS && a.Architecture == b.Architecture && a.OSVersion == b.OSVersion && NormalVariant(*a) == NormalVariant(*b)
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
	known := func(d ocispec.Descriptor) bool {
		return slices.ContainsFunc(theirs.Manifests, func(t ocispec.Descriptor) bool { return t.Digest == d.Digest })
	}
	if !slices.ContainsFunc(ours.Manifests, func(d ocispec.Descriptor) bool { return !known(d) }) {
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
