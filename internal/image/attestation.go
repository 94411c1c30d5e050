package image

import (
	"context"
	"fmt"
	"io"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// SBOMs opens the bills of materials that the index of an image attests for
// it: in-toto statements about SPDX documents, in the order of the
// attestations. Each can be opened several times. An image without attestation
// has none; one that is not in the cache is an error of its opener.
func (i *Image) SBOMs(ctx context.Context) ([]func() (io.ReadCloser, error), error) {
	attestations, err := i.attestations(ctx)
	if err != nil {
		return nil, fmt.Errorf("read attestations of image %s: %w", i.Ref, err)
	}
	var open []func() (io.ReadCloser, error)
	for _, desc := range attestations {
		m, err := i.store.ReadManifest(ctx, desc)
		if err != nil {
			open = append(open, func() (io.ReadCloser, error) {
				return nil, fmt.Errorf("read attestation %s: %w", desc.Digest, err)
			})
			continue
		}
		for _, l := range m.Layers {
			if l.Annotations[predicateType] == predicateSPDX {
				open = append(open, func() (io.ReadCloser, error) { return i.store.Verified(ctx, l) })
			}
		}
	}
	return open, nil
}

// attestations returns those about the image, from the index that it was found
// in and those around it.
func (i *Image) attestations(ctx context.Context) ([]ocispec.Descriptor, error) {
	if i.Root.Digest == i.Descriptor.Digest {
		return nil, nil
	}
	var found []ocispec.Descriptor
	err := i.collectAttestations(ctx, i.Root, maxNesting, &found)
	return found, err
}

func (i *Image) collectAttestations(ctx context.Context, d ocispec.Descriptor, depth int, found *[]ocispec.Descriptor) error {
	root, err := withMediaType(ctx, i.store, d)
	if err != nil || !content.IsIndex(root.MediaType) || depth == 0 {
		return err
	}
	index, err := i.store.ReadIndex(ctx, root)
	if err != nil {
		return err
	}
	for _, d := range index.Manifests {
		switch {
		case d.Annotations[AnnotationType] == TypeAttestation && d.Annotations[AnnotationSubject] == i.Descriptor.Digest.String():
			if !slices.ContainsFunc(*found, func(o ocispec.Descriptor) bool { return o.Digest == d.Digest }) {
				*found = append(*found, d)
			}
		case content.IsIndex(d.MediaType) && i.store.Has(ctx, d):
			if err := i.collectAttestations(ctx, d, depth-1, found); err != nil {
				return err
			}
		}
	}
	return nil
}
