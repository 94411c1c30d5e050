package image

import (
	"context"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// SignatureNames are the names under which registries and the cache keep what
// is known about the manifest d of a repository: the signatures of cosign, and
// the index of all that refers to it, see the OCI distribution specification
// about the tag for referrers.
func SignatureNames(r reference.Reference, d digest.Digest) (cosign, referrers string) {
	base := r.Locator() + ":" + d.Algorithm().String() + "-" + d.Encoded()
	return base + ".sig", base
}

// Manifests returns the digests of the manifests that a name of the cache
// reaches, itself first.
func Manifests(ctx context.Context, s *content.Store, root ocispec.Descriptor) []digest.Digest {
	var all []digest.Digest
	_ = s.Walk(ctx, root, func(d ocispec.Descriptor, _ error) error {
		if d.Digest == root.Digest || content.IsIndex(d.MediaType) || content.IsManifest(d.MediaType) {
			all = append(all, d.Digest)
		}
		return nil
	})
	return all
}

// orphans returns the names of signatures of these manifests of a repository
// that the cache has although it does not have the manifests under any other
// name of the repository.
func orphans(ctx context.Context, s *content.Store, r reference.Reference, manifests []digest.Digest) ([]string, error) {
	all, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	signatures, there := map[string]bool{}, map[string]bool{}
	for _, d := range manifests {
		cosign, referrers := SignatureNames(r, d)
		signatures[cosign], signatures[referrers] = true, true
	}
	for _, n := range all {
		there[n.Ref] = true
		name, err := reference.Parse(n.Ref)
		if err != nil || signatures[n.Ref] || name.Locator() != r.Locator() {
			continue
		}
		for _, d := range Manifests(ctx, s, n.Descriptor) {
			cosign, referrers := SignatureNames(r, d)
			delete(signatures, cosign)
			delete(signatures, referrers)
		}
	}
	maps.DeleteFunc(signatures, func(name string, _ bool) bool { return !there[name] })
	return slices.Sorted(maps.Keys(signatures)), nil
}
