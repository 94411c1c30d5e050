// Package image sees the images of the store as layers and configuration, and
// finds them: in the cache, in a registry, or by having them built.
//
// It owns how a platform is chosen from an index, what makes an image complete
// and the order of the places to look. It refuses images that are ambiguous,
// of another architecture, or attestations in disguise; it does not unpack
// layers.
package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/layer"
)

// ErrNoPlatform means that an image is not there for the wanted platform.
var ErrNoPlatform = errors.New("image does not exist for this platform")

// Image is the image of one platform, complete in the store unless it is bare.
type Image struct {
	// Ref is the name it was asked for by.
	Ref string
	// Root is what the name stands for: an index, or the manifest itself.
	Root ocispec.Descriptor
	// Descriptor is that of the manifest.
	Descriptor ocispec.Descriptor
	Manifest   ocispec.Manifest
	Config     ocispec.Image
	// Bare says that the layers need not be in the store.
	Bare bool

	store *content.Store
}

// Layers returns the layers, lowest first. Reading one to its end compares it
// with its digest.
func (i *Image) Layers() []layer.Blob {
	blobs := make([]layer.Blob, len(i.Manifest.Layers))
	for n, desc := range i.Manifest.Layers {
		blobs[n] = layer.Blob{
			Digest: desc.Digest.String(),
			Open:   func(ctx context.Context) (io.ReadCloser, error) { return i.store.Verified(ctx, desc) },
		}
	}
	return blobs
}

// Open returns the image of a platform from the cache, as the descriptor root
// describes it. The error is [content.ErrNotFound] or [content.ErrCorrupt] if
// a blob has to be fetched again, and [ErrNoPlatform] if the image lacks the
// platform.
func Open(ctx context.Context, s *content.Store, ref string, root ocispec.Descriptor, p ocispec.Platform) (*Image, error) {
	return open(ctx, s, ref, root, p, false)
}

func open(ctx context.Context, s *content.Store, ref string, root ocispec.Descriptor, p ocispec.Platform, bare bool) (*Image, error) {
	desc, err := choose(ctx, s, root, p)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	img := &Image{Ref: ref, Root: root, Descriptor: desc, Bare: bare, store: s}
	if err := img.load(ctx); err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	if err := Check(img.Config.Platform, []ocispec.Platform{p}); err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return img, nil
}

// load reads manifest and configuration and checks that all layers are there.
func (i *Image) load(ctx context.Context) (err error) {
	if i.Manifest, err = i.store.ReadManifest(ctx, i.Descriptor); err != nil {
		return err
	}
	if isAttestation(i.Descriptor) {
		return fmt.Errorf("%w: manifest %s is an attestation, not an image", content.ErrInvalid, i.Descriptor.Digest)
	}
	data, err := i.store.ReadAll(ctx, i.Manifest.Config)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := json.Unmarshal(data, &i.Config); err != nil {
		return fmt.Errorf("configuration %s: %w: %w", i.Manifest.Config.Digest, content.ErrInvalid, err)
	}
	for _, l := range i.Manifest.Layers {
		if !i.Bare && !i.store.Has(ctx, l) {
			return fmt.Errorf("layer %s: %w", l.Digest, content.ErrNotFound)
		}
	}
	return nil
}
