package content

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker that mean the same as those of OCI.
const (
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// IsIndex tells whether mediaType is that of a list of manifests.
func IsIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == MediaTypeDockerList
}

// IsManifest tells whether mediaType is that of an image manifest.
func IsManifest(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageManifest || mediaType == MediaTypeDockerManifest
}

// members are what tells documents apart.
var members = []string{"mediaType", "manifests", "config", "layers", "fsLayers"}

// DetectMediaType returns the media type of a manifest or index by its
// content. Documents that could be read as both are refused, as are Docker's
// oldest manifests, which have no digests that could be trusted.
func DetectMediaType(data []byte) (string, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("%w: manifest is not a JSON object: %w", ErrInvalid, err)
	}
	for key := range doc {
		for _, m := range members {
			if key != m && strings.EqualFold(key, m) {
				return "", fmt.Errorf("%w: manifest has a member %q that could be read as %q", ErrInvalid, key, m)
			}
		}
	}
	has := func(m string) bool { return len(doc[m]) > 0 && string(doc[m]) != "null" }
	list, image := has("manifests"), has("config") || has("layers") || has("fsLayers")
	var declared string
	if has("mediaType") {
		if err := json.Unmarshal(doc["mediaType"], &declared); err != nil {
			return "", fmt.Errorf("%w: media type of manifest: %w", ErrInvalid, err)
		}
	}
	switch {
	case list && image:
		return "", fmt.Errorf("%w: manifest is an image and an index at once", ErrInvalid)
	case list && (declared == "" || IsIndex(declared)):
		return cmp.Or(declared, ocispec.MediaTypeImageIndex), nil
	case image && !has("fsLayers") && (declared == "" || IsManifest(declared)):
		return cmp.Or(declared, ocispec.MediaTypeImageManifest), nil
	default:
		return "", fmt.Errorf("%w: neither an image nor an index (media type %q)", ErrInvalid, declared)
	}
}

// DecodeIndex reads an index or a Docker manifest list.
func DecodeIndex(data []byte) (ocispec.Index, error) {
	var i ocispec.Index
	mediaType, err := DetectMediaType(data)
	if err != nil {
		return i, err
	}
	if !IsIndex(mediaType) {
		return i, fmt.Errorf("%w: an image manifest where an index was expected", ErrInvalid)
	}
	if err := json.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("%w: index: %w", ErrInvalid, err)
	}
	return i, checkDescriptors(i.Manifests...)
}

// DecodeManifest reads an image manifest of OCI or Docker.
func DecodeManifest(data []byte) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	mediaType, err := DetectMediaType(data)
	if err != nil {
		return m, err
	}
	if !IsManifest(mediaType) {
		return m, fmt.Errorf("%w: an index where an image manifest was expected", ErrInvalid)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: image manifest: %w", ErrInvalid, err)
	}
	return m, checkDescriptors(append([]ocispec.Descriptor{m.Config}, m.Layers...)...)
}

func checkDescriptors(all ...ocispec.Descriptor) error {
	for _, d := range all {
		if err := d.Digest.Validate(); err != nil {
			return fmt.Errorf("%w: digest %q: %w", ErrInvalid, d.Digest, err)
		}
		if d.Size < 0 {
			return fmt.Errorf("%w: blob %s has a size of %d", ErrInvalid, d.Digest, d.Size)
		}
	}
	return nil
}

// ReadIndex returns a stored index.
func (s *Store) ReadIndex(ctx context.Context, desc ocispec.Descriptor) (ocispec.Index, error) {
	data, err := s.ReadAll(ctx, desc)
	if err != nil {
		return ocispec.Index{}, err
	}
	i, err := DecodeIndex(data)
	if err != nil {
		err = fmt.Errorf("read index %s: %w", desc.Digest, err)
	}
	return i, err
}

// ReadManifest returns a stored image manifest.
func (s *Store) ReadManifest(ctx context.Context, desc ocispec.Descriptor) (ocispec.Manifest, error) {
	data, err := s.ReadAll(ctx, desc)
	if err != nil {
		return ocispec.Manifest{}, err
	}
	m, err := DecodeManifest(data)
	if err != nil {
		err = fmt.Errorf("read manifest %s: %w", desc.Digest, err)
	}
	return m, err
}

// Children returns what a stored manifest or index refers to directly;
// nothing for any other blob. Which of the two it is, its content tells: an
// entry of the index may call a manifest an index, as archives do that
// LinuxKit exports.
func (s *Store) Children(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if !IsIndex(desc.MediaType) && !IsManifest(desc.MediaType) {
		return nil, nil
	}
	data, err := s.ReadAll(ctx, desc)
	if err != nil {
		return nil, err
	}
	children, err := decodeChildren(data)
	if err != nil {
		err = fmt.Errorf("read manifest %s: %w", desc.Digest, err)
	}
	return children, err
}

func decodeChildren(data []byte) ([]ocispec.Descriptor, error) {
	mediaType, err := DetectMediaType(data)
	if err != nil {
		return nil, err
	}
	if IsIndex(mediaType) {
		i, err := DecodeIndex(data)
		return i.Manifests, err
	}
	m, err := DecodeManifest(data)
	if err != nil {
		return nil, err
	}
	return append([]ocispec.Descriptor{m.Config}, m.Layers...), nil
}
