package image

import (
	"context"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// SBOMs opens the bills of materials that the index of an image attests for
// it: in-toto statements about SPDX documents, in the order of the
// attestation. An image without attestation has none.
func (i *Image) SBOMs(ctx context.Context) ([]func() (io.ReadCloser, error), error) {
	desc, err := i.attestation(ctx)
	if err != nil || desc == nil {
		return nil, err
	}
	m, err := i.store.ReadManifest(ctx, *desc)
	if err != nil {
		return nil, fmt.Errorf("read attestation of image %s: %w", i.Ref, err)
	}
	var open []func() (io.ReadCloser, error)
	for _, l := range m.Layers {
		if l.Annotations[predicateType] == predicateSPDX {
			open = append(open, func() (io.ReadCloser, error) { return i.store.Verified(ctx, l) })
		}
	}
	return open, nil
}

// attestation returns the one attestation about the image, nil if there is
// none.
func (i *Image) attestation(ctx context.Context) (*ocispec.Descriptor, error) {
	if i.Root.Digest == i.Descriptor.Digest {
		return nil, nil
	}
	root, err := withMediaType(ctx, i.store, i.Root)
	if err != nil || !content.IsIndex(root.MediaType) {
		return nil, err
	}
	index, err := i.store.ReadIndex(ctx, root)
	if err != nil {
		return nil, err
	}
	var found *ocispec.Descriptor
	for _, d := range index.Manifests {
		if d.Annotations[annotationType] != typeAttestation || d.Annotations[annotationSubject] != i.Descriptor.Digest.String() {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("multiple manifests found for attestations of image %s", i.Ref)
		}
		found = &d
	}
	return found, nil
}
