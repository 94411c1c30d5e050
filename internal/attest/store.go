package attest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

// statement is an in-toto statement of version 0.1, as BuildKit writes it.
type statement struct {
	Type          string    `json:"_type"`
	PredicateType string    `json:"predicateType"`
	Subject       []subject `json:"subject"`
	Predicate     any       `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Store writes the bill of materials and the provenance of an image and
// returns the descriptor of the attestation, to be put into the index beside
// the image.
func Store(ctx context.Context, s *content.Store, f Facts) (ocispec.Descriptor, error) {
	desc, err := f.store(ctx, s)
	if err != nil {
		return desc, fmt.Errorf("write the attestations of image %s: %w", f.Image.Digest, err)
	}
	f.mark(&desc)
	return desc, nil
}

func (f Facts) store(ctx context.Context, s *content.Store) (ocispec.Descriptor, error) {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{Platform: ocispec.Platform{OS: unknown, Architecture: unknown}, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}}
	for _, p := range []struct {
		kind  string
		value any
	}{{PredicateSPDX, billOfMaterials(f)}, {PredicateSLSA, originOf(f)}} {
		desc, err := putJSON(ctx, s, mediaTypeInToto, f.statement(p.kind, p.value))
		if err != nil {
			return desc, err
		}
		desc.Annotations = map[string]string{annotationPredicate: p.kind}
		m.Layers = append(m.Layers, desc)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, desc.Digest)
	}
	var err error
	if m.Config, err = putJSON(ctx, s, ocispec.MediaTypeImageConfig, config); err != nil {
		return m.Config, err
	}
	return putJSON(ctx, s, ocispec.MediaTypeImageManifest, m)
}

// AddSPDX adds a bill of materials to what is attested about an image: about is
// the attestation that exists, nil if there is none.
func AddSPDX(ctx context.Context, s *content.Store, about *ocispec.Descriptor, f Facts) (ocispec.Descriptor, error) {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{Platform: ocispec.Platform{OS: unknown, Architecture: unknown}, RootFS: ocispec.RootFS{Type: "layers"}}
	var err error
	if about != nil {
		if m, err = s.ReadManifest(ctx, *about); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("read attestation: %w", err)
		}
	}
	layer, err := putJSON(ctx, s, mediaTypeInToto, f.statement(PredicateSPDX, billOfMaterials(f)))
	if err != nil {
		return layer, err
	}
	layer.Annotations = map[string]string{annotationPredicate: PredicateSPDX}
	m.Layers = append(m.Layers, layer)
	if about == nil || m.Config.MediaType == ocispec.MediaTypeImageConfig {
		for _, l := range m.Layers {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
		}
		if m.Config, err = putJSON(ctx, s, ocispec.MediaTypeImageConfig, config); err != nil {
			return layer, err
		}
	}
	desc, err := putJSON(ctx, s, ocispec.MediaTypeImageManifest, m)
	f.mark(&desc)
	return desc, err
}

// mark makes desc an attestation about the image.
func (f Facts) mark(desc *ocispec.Descriptor) {
	desc.Platform = &ocispec.Platform{OS: unknown, Architecture: unknown}
	desc.Annotations = map[string]string{image.AnnotationType: image.TypeAttestation, image.AnnotationSubject: f.Image.Digest.String()}
}

func (f Facts) statement(kind string, predicate any) statement {
	d := f.Image.Digest
	return statement{
		Type: "https://in-toto.io/Statement/v0.1", PredicateType: kind, Predicate: predicate,
		Subject: []subject{{f.purl(), map[string]string{d.Algorithm().String(): d.Encoded()}}},
	}
}

func (f Facts) name() string {
	if f.Name == "" {
		return "image"
	}
	return f.Name
}

// purl names the image and its platform.
func (f Facts) purl() string {
	p := f.Image.Platform
	if p == nil {
		return f.name()
	}
	platform := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		platform += "/" + p.Variant
	}
	name := strings.TrimPrefix(f.name(), "docker.io/")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i] + "@" + name[i+1:]
	}
	return "pkg:docker/" + name + "?platform=" + url.QueryEscape(platform)
}

func putJSON(ctx context.Context, s *content.Store, mediaType string, v any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return s.Put(ctx, mediaType, data)
}
