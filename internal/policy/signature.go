package policy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

const (
	// maxSignatures bounds how many signatures of an image are looked at.
	maxSignatures = 64

	mediaSimpleSigning   = "application/vnd.dev.cosign.simplesigning.v1+json"
	mediaBundlePrefix    = "application/vnd.dev.sigstore.bundle"
	annotationSignature  = "dev.cosignproject.cosign/signature"
	annotationCert       = "dev.sigstore.cosign/certificate"
	annotationChain      = "dev.sigstore.cosign/chain"
	annotationLogged     = "dev.sigstore.cosign/bundle"
	typeContainerImage   = "cosign container image signature"
	payloadTypeInToto    = "application/vnd.in-toto+json"
	predicateCosignSign  = "https://sigstore.dev/cosign/sign/v1"
	maxCertificateLength = 64 << 10
)

// signature is one signature and what it is said to be about.
type signature struct {
	// signed are the bytes that were signed, sig is the signature of them.
	signed, sig []byte
	// subjects are the digests that the signed bytes name.
	subjects []string
	// repository is the name that the signed bytes give the image, empty if
	// they give none.
	repository string
	// certificate and chain are in DER form, logged is the record of the
	// transparency log; all may be absent.
	certificate []byte
	chain       [][]byte
	logged      *logEntry
	// payloadHash is what the log records of a bundle's envelope.
	payload []byte
}

// about tells whether the signature is about d and made for this repository,
// or for one that the rule allows.
func (s signature) about(d digest.Digest, name reference.Reference, signedAs []*regexp.Regexp) error {
	if !slices.Contains(s.subjects, d.String()) {
		return fmt.Errorf("a signature is about %s", strings.Join(s.subjects, ", "))
	}
	if s.repository == "" {
		return nil
	}
	signed, err := reference.Parse(s.repository)
	if err != nil {
		return fmt.Errorf("a signature is for an image named %q", s.repository)
	}
	if len(signedAs) > 0 {
		if anyMatch(signedAs, signed.Locator()) {
			return nil
		}
	} else if signed.Locator() == name.Locator() {
		return nil
	}
	return fmt.Errorf("a signature is for %s, see signed-as", signed.Locator())
}

// signatures reads what the store has about the manifest d.
func signatures(ctx context.Context, s *content.Store, name reference.Reference, d digest.Digest) ([]signature, error) {
	tagged, referrers := image.SignatureNames(name, d)
	all, err := cosignSignatures(ctx, s, tagged)
	bundles, bundleErr := bundleSignatures(ctx, s, referrers)
	return append(all, bundles...), errors.Join(err, bundleErr)
}

// cosignSignatures reads the image under cosign's tag: each layer is a payload
// of the simple signing format, its signature is an annotation.
func cosignSignatures(ctx context.Context, s *content.Store, tag string) ([]signature, error) {
	root, err := s.Resolve(ctx, tag)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := s.ReadManifest(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("signatures %s: %w", tag, err)
	}
	// One that cannot be read does not hide the others.
	var all []signature
	var bad []error
	for _, l := range m.Layers[:min(len(m.Layers), maxSignatures)] {
		if l.MediaType != mediaSimpleSigning {
			continue
		}
		payload, err := s.ReadAll(ctx, l)
		if err == nil {
			var sig signature
			if sig, err = simpleSignature(payload, l.Annotations); err == nil {
				all = append(all, sig)
			}
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("signature %s: %w", l.Digest, err))
		}
	}
	return all, errors.Join(bad...)
}

// simpleSigning is the part of a payload that counts, see the simple signing
// format of containers/image.
type simpleSigning struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			DockerManifestDigest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
}

func simpleSignature(payload []byte, annotations map[string]string) (signature, error) {
	var p simpleSigning
	if err := json.Unmarshal(payload, &p); err != nil {
		return signature{}, fmt.Errorf("payload: %w", err)
	}
	if p.Critical.Type != typeContainerImage {
		return signature{}, fmt.Errorf("payload is of type %q", p.Critical.Type)
	}
	sig, err := base64.StdEncoding.DecodeString(annotations[annotationSignature])
	if err != nil {
		return signature{}, fmt.Errorf("annotation %s: %w", annotationSignature, err)
	}
	s := signature{
		signed: payload, payload: payload, sig: sig,
		subjects:   []string{p.Critical.Image.DockerManifestDigest},
		repository: p.Critical.Identity.DockerReference,
	}
	s.certificate, s.chain, err = pemCertificates(annotations[annotationCert], annotations[annotationChain])
	if err == nil {
		s.logged, err = cosignLogged(annotations[annotationLogged])
	}
	return s, err
}

// bundleSignatures reads the referrers of an image that are sigstore bundles.
func bundleSignatures(ctx context.Context, s *content.Store, name string) ([]signature, error) {
	root, err := s.Resolve(ctx, name)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := s.ReadIndex(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("signatures %s: %w", name, err)
	}
	var all []signature
	var bad []error
	for _, d := range index.Manifests[:min(len(index.Manifests), maxSignatures)] {
		found, err := referrerSignatures(ctx, s, d)
		if err != nil {
			bad = append(bad, fmt.Errorf("signature %s: %w", d.Digest, err))
		}
		all = append(all, found...)
	}
	return all, errors.Join(bad...)
}

func referrerSignatures(ctx context.Context, s *content.Store, d ocispec.Descriptor) ([]signature, error) {
	m, err := s.ReadManifest(ctx, d)
	if err != nil {
		return nil, err
	}
	var all []signature
	for _, l := range m.Layers[:min(len(m.Layers), maxSignatures)] {
		if !strings.HasPrefix(l.MediaType, mediaBundlePrefix) {
			continue
		}
		data, err := s.ReadAll(ctx, l)
		if err != nil {
			return all, err
		}
		sig, err := parseBundle(data)
		if err != nil {
			return all, fmt.Errorf("bundle %s: %w", l.Digest, err)
		}
		all = append(all, sig)
	}
	return all, nil
}
