package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Platforms asks the registry which platforms it has ref for, without storing
// anything. A child of an index whose platform is not told counts as the empty
// platform. The answer is waited for no longer than patience, zero means as
// long as it takes. A registry that did not answer is not asked again with
// patience.
func (c *Client) Platforms(ctx context.Context, ref string, patience time.Duration) ([]ocispec.Platform, error) {
	name, err := reference.Parse(ref)
	if err != nil {
		return nil, err
	}
	if err := c.silent.Known(name.Host); err != nil && patience > 0 {
		return nil, err
	}
	desc, data, s, err := c.root(ctx, ref, patience)
	if err != nil {
		c.silent.Note(ctx, name.Host, err)
		return nil, err
	}
	if !content.IsIndex(desc.MediaType) {
		p, err := s.platform(ctx, data)
		return []ocispec.Platform{p}, err
	}
	index, err := content.DecodeIndex(data)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	list := image.Platforms(index)
	for _, d := range index.Manifests {
		if d.Platform == nil {
			list = append(list, ocispec.Platform{})
		}
	}
	return list, nil
}

// platform reads that of a lone image from its configuration.
func (s *session) platform(ctx context.Context, manifest []byte) (ocispec.Platform, error) {
	m, err := content.DecodeManifest(manifest)
	if err != nil {
		return ocispec.Platform{}, err
	}
	resp, err := s.get(ctx, "/blobs/"+m.Config.Digest.String(), nil)
	if err != nil {
		return ocispec.Platform{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, content.MaxManifest))
	if err != nil {
		return ocispec.Platform{}, err
	}
	if m.Config.Digest.Algorithm().FromBytes(data) != m.Config.Digest {
		return ocispec.Platform{}, fmt.Errorf("configuration %s: %w", m.Config.Digest, content.ErrCorrupt)
	}
	var p ocispec.Platform
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("configuration %s: %w: %w", m.Config.Digest, content.ErrInvalid, err)
	}
	return p, nil
}
