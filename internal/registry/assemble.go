package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Assemble makes the index ref in the registry out of the images that it has as
// "<ref>-<arch>", and of what the index holds already for other platforms.
// What is as it should be is left alone. It is an error if there are none, and
// no index either.
func (c *Client) Assemble(ctx context.Context, ref string, arches []string) error {
	to, err := reference.Parse(ref)
	if err != nil {
		return err
	}
	s, err := c.session(ctx, access{target: c.opts.Mirrors.origin(to), write: true})
	if err != nil {
		return fmt.Errorf("push to %s: %w", ref, err)
	}
	own := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	own.SchemaVersion = 2
	for _, arch := range arches {
		list, err := s.images(ctx, to.Object()+"-"+arch, ocispec.Platform{OS: "linux", Architecture: arch})
		if status(err) == http.StatusNotFound {
			progress.Warnf(ctx, "image %s-%s not found; skipping: %v", ref, arch, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("image %s-%s: %w", ref, arch, err)
		}
		own.Manifests = append(own.Manifests, list...)
	}
	return s.extend(ctx, to, own)
}

// images returns the image for a platform that a tag names, and what attests
// it.
func (s *session) images(ctx context.Context, tag string, p ocispec.Platform) ([]ocispec.Descriptor, error) {
	desc, data, err := s.manifest(ctx, tag)
	if err != nil {
		return nil, err
	}
	if !content.IsIndex(desc.MediaType) {
		desc.Platform = &p
		return []ocispec.Descriptor{desc}, nil
	}
	index, err := content.DecodeIndex(data)
	if err != nil {
		return nil, err
	}
	images, attestations, err := image.Select(index, []ocispec.Platform{p})
	return append(images, attestations...), err
}

// extend merges an index into the one that the registry has.
func (s *session) extend(ctx context.Context, to reference.Reference, own ocispec.Index) error {
	data, err := json.Marshal(own)
	if err != nil {
		return err
	}
	theirs, old, err := s.manifest(ctx, to.Object())
	switch {
	case status(err) == http.StatusNotFound && len(own.Manifests) == 0:
		return fmt.Errorf("the registry has none of the images %s-<arch>", to)
	case status(err) == http.StatusNotFound:
	case err != nil:
		return fmt.Errorf("could not get index for existing reference %s: %w", to, err)
	case !content.IsIndex(theirs.MediaType):
		return fmt.Errorf("could not get index for existing reference %s: it is an image", to)
	default:
		changed := false
		if data, changed, err = image.MergeIndex(old, data); err != nil || !changed {
			return err
		}
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(data), Size: int64(len(data))}
	return s.putManifest(ctx, to.Object(), document{desc, data})
}
