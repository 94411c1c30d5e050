package image

import (
	"context"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// Annotations by which BuildKit marks attestations: what it is, of which the
// type of attestations is one, and the digest of what it is about.
const (
	AnnotationType    = "vnd.docker.reference.type"
	AnnotationSubject = "vnd.docker.reference.digest"
	TypeAttestation   = "attestation-manifest"
	unknown           = "unknown"
	// predicateType is the annotation of an in-toto layer, predicateSPDX its
	// value for a bill of materials.
	predicateType = "in-toto.io/predicate-type"
	predicateSPDX = "https://spdx.dev/Document"
)

// Format writes a platform as os/architecture[/variant].
func Format(p ocispec.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// ParsePlatform reads os/architecture[/variant].
func ParsePlatform(s string) (ocispec.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) > 3 {
		return ocispec.Platform{}, fmt.Errorf("invalid platform %s: too many slashes in platform spec: %s", s, s)
	}
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return ocispec.Platform{}, fmt.Errorf("invalid platform %s: write it as os/architecture, such as linux/amd64", s)
	}
	p := ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// matches tells whether something made for have runs on want: the variant
// counts only if it is asked for, and what a configuration leaves open fits.
func matches(have, want ocispec.Platform) bool {
	fits := func(have, want string) bool { return have == want || have == "" }
	return fits(have.OS, want.OS) && fits(have.Architecture, want.Architecture) &&
		(want.Variant == "" || NormalVariant(have) == NormalVariant(want))
}

// NormalVariant leaves out the variant that the architecture implies.
func NormalVariant(p ocispec.Platform) string {
	if p.Architecture == "arm64" && p.Variant == "v8" || p.Architecture == "arm" && p.Variant == "v7" || p.Architecture == "amd64" && p.Variant == "v1" {
		return ""
	}
	return p.Variant
}

// isAttestation tells whether a child of an index is about another child.
func isAttestation(d ocispec.Descriptor) bool {
	if d.Annotations[AnnotationType] != "" {
		return true
	}
	return d.Platform != nil && (d.Platform.OS == unknown || d.Platform.Architecture == unknown)
}

// listed tells whether a child of an index is the image for p. A child without
// platform is for none.
func listed(d ocispec.Descriptor, p ocispec.Platform) bool {
	return d.Platform != nil && !isAttestation(d) && d.Platform.OS == p.OS &&
		d.Platform.Architecture == p.Architecture && matches(*d.Platform, p)
}

// Platforms returns the platforms that an index has images for, in its order.
func Platforms(i ocispec.Index) []ocispec.Platform {
	var all []ocispec.Platform
	for _, d := range i.Manifests {
		if d.Platform != nil && !isAttestation(d) {
			all = append(all, *d.Platform)
		}
	}
	return all
}

// Select returns the children of an index that are for one of the platforms,
// in the order of the index, and then the attestations about them; all
// children if no platform is given. A platform without child is [ErrNoPlatform].
func Select(i ocispec.Index, platforms []ocispec.Platform) (images, attestations []ocispec.Descriptor, err error) {
	if len(platforms) == 0 {
		for _, d := range i.Manifests {
			if isAttestation(d) {
				attestations = append(attestations, d)
			} else {
				images = append(images, d)
			}
		}
		return images, attestations, nil
	}
	wanted := map[string]bool{}
	for _, p := range platforms {
		found := false
		for _, d := range i.Manifests {
			if listed(d, p) || content.IsIndex(d.MediaType) && d.Platform == nil {
				found, wanted[d.Digest.String()] = true, true
			}
		}
		if !found {
			return nil, nil, noPlatform(p, Platforms(i))
		}
	}
	for _, d := range i.Manifests {
		switch {
		case isAttestation(d) && wanted[d.Annotations[AnnotationSubject]]:
			attestations = append(attestations, d)
		case !isAttestation(d) && wanted[d.Digest.String()]:
			images = append(images, d)
		}
	}
	return images, attestations, nil
}

func noPlatform(want ocispec.Platform, have []ocispec.Platform) error {
	names := make([]string, len(have))
	for n, p := range have {
		names[n] = Format(p)
	}
	return fmt.Errorf("%w: wanted %s, the index has %s", ErrNoPlatform, Format(want), orNone(strings.Join(names, ", ")))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// maxNesting bounds how deep indexes are followed.
const maxNesting = 4

// choose finds the manifest for p below root, following nested indexes.
func choose(ctx context.Context, s *content.Store, root ocispec.Descriptor, p ocispec.Platform) (ocispec.Descriptor, error) {
	return chooseIn(ctx, s, root, p, maxNesting)
}

func chooseIn(ctx context.Context, s *content.Store, root ocispec.Descriptor, p ocispec.Platform, depth int) (ocispec.Descriptor, error) {
	root, err := withMediaType(ctx, s, root)
	if err != nil || content.IsManifest(root.MediaType) {
		return root, err
	}
	if depth == 0 {
		return root, fmt.Errorf("%w: index %s is nested too deeply", content.ErrInvalid, root.Digest)
	}
	index, err := s.ReadIndex(ctx, root)
	if err != nil {
		return root, err
	}
	for _, d := range index.Manifests {
		if listed(d, p) {
			return chooseIn(ctx, s, d, p, depth-1)
		}
	}
	for _, d := range index.Manifests {
		if content.IsIndex(d.MediaType) && d.Platform == nil {
			if found, err := chooseIn(ctx, s, d, p, depth-1); err == nil {
				return found, nil
			}
		}
	}
	return root, noPlatform(p, Platforms(index))
}

// withMediaType replaces a media type by what the blob is: an entry of the
// cache may call a manifest an index.
func withMediaType(ctx context.Context, s *content.Store, d ocispec.Descriptor) (ocispec.Descriptor, error) {
	data, err := s.ReadAll(ctx, d)
	if err != nil {
		return d, err
	}
	d.MediaType, err = content.DetectMediaType(data)
	if err != nil {
		err = fmt.Errorf("read manifest %s: %w", d.Digest, err)
	}
	return d, err
}

// Check compares what the configuration of a lone image says with the
// platforms that are wanted, which can be only one.
func Check(is ocispec.Platform, platforms []ocispec.Platform) error {
	for _, p := range platforms {
		if !matches(is, p) {
			return fmt.Errorf("%w: wanted %s, its configuration says %s", ErrNoPlatform, Format(p), Format(is))
		}
	}
	return nil
}
