package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// maxReferrers bounds how many documents about one image are pulled.
const maxReferrers = 64

// PullSignatures stores beside the image of ref what its registry has about
// the manifest d: the signatures by cosign's naming, and what refers to it as
// its subject; see [image.SignatureNames]. Nothing there is no error.
func (c *Client) PullSignatures(ctx context.Context, ref string, d digest.Digest) error {
	name, err := reference.Parse(ref)
	if err != nil {
		return err
	}
	release, err := c.opts.Store.Pin(ctx)
	if err != nil {
		return err
	}
	defer release()
	tagged, referrers := image.SignatureNames(name, d)
	if _, err := c.Pull(ctx, tagged, nil, 0); err != nil && status(err) != http.StatusNotFound {
		return fmt.Errorf("pull signatures of %s: %w", ref, err)
	}
	var failures []error
	for _, t := range c.opts.Mirrors.targets(name) {
		s, err := c.session(ctx, access{target: t})
		if err == nil {
			err = c.referrers(ctx, s, referrers, d)
		}
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return fmt.Errorf("pull signatures of %s: %w", ref, failure(ctx, failures))
}

// referrers stores what refers to d as an index called name.
func (c *Client) referrers(ctx context.Context, s *session, name string, d digest.Digest) error {
	data, err := s.referrers(ctx, d)
	if err != nil || data == nil {
		return err
	}
	index, err := content.DecodeIndex(data)
	if err != nil {
		return fmt.Errorf("referrers of %s: %w", d, err)
	}
	if index.Manifests, err = s.signatures(ctx, index.Manifests); err != nil {
		return fmt.Errorf("referrers of %s: %w", d, err)
	}
	if len(index.Manifests) == 0 {
		return nil
	}
	index.SchemaVersion, index.MediaType = 2, ocispec.MediaTypeImageIndex
	if data, err = json.Marshal(index); err != nil {
		return err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := c.tree(ctx, s, desc, data, nil); err != nil {
		return fmt.Errorf("referrers of %s: %w", d, err)
	}
	return c.opts.Store.Tag(ctx, name, desc)
}

// signatures leaves out what else may refer to an image.
func (s *session) signatures(ctx context.Context, all []ocispec.Descriptor) (found []ocispec.Descriptor, err error) {
	if len(all) > maxReferrers {
		return nil, fmt.Errorf("%w: %d documents, more than %d", content.ErrInvalid, len(all), maxReferrers)
	}
	for _, d := range all {
		signature := isSignature(d.ArtifactType)
		// Some who write such indexes do not know what they list.
		if d.ArtifactType == "" || d.ArtifactType == ocispec.MediaTypeEmptyJSON {
			if signature, err = s.isSignature(ctx, d); err != nil {
				return nil, err
			}
		}
		if signature {
			found = append(found, d)
		}
	}
	return found, nil
}

func isSignature(artifactType string) bool {
	return strings.Contains(artifactType, ".sigstore.") || strings.Contains(artifactType, ".cosign.")
}

// isSignature looks at the manifest itself.
func (s *session) isSignature(ctx context.Context, d ocispec.Descriptor) (bool, error) {
	_, data, err := s.manifest(ctx, d.Digest.String())
	if err != nil {
		return false, err
	}
	m, err := content.DecodeManifest(data)
	if err != nil {
		return false, nil // whatever it is
	}
	return isSignature(m.ArtifactType) || slices.ContainsFunc(m.Layers, func(l ocispec.Descriptor) bool { return isSignature(l.MediaType) }), nil
}

// referrers returns the index of what refers to d, nil if there is none: of
// the registry's own interface, else of the tag that stands in for it.
func (s *session) referrers(ctx context.Context, d digest.Digest) ([]byte, error) {
	resp, err := s.get(ctx, "/referrers/"+d.String(), map[string]string{"Accept": ocispec.MediaTypeImageIndex})
	if err == nil {
		defer resp.Body.Close()
		return readManifest(resp.Body)
	}
	if code := status(err); code == 0 || passes(code) {
		return nil, err
	}
	_, data, err := s.manifest(ctx, d.Algorithm().String()+"-"+d.Encoded())
	if status(err) == http.StatusNotFound {
		return nil, nil
	}
	return data, err
}
