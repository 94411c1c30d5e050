package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

const ref = "x.io/team/app:v1"

func newStore(t testing.TB) *content.Store {
	t.Helper()
	s, err := content.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parse reads a policy that names files of a map.
func parse(t testing.TB, text string, files map[string][]byte) *Policy {
	t.Helper()
	p, err := Parse([]byte(text), "policy.yml", reader(files))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func reader(files map[string][]byte) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if data, ok := files[name]; ok {
			return data, nil
		}
		return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}
}

// newKey makes a key of a kind; name.pub is its public half.
func newKey(t testing.TB, kind string) (crypto.Signer, []byte) {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "short":
		der, err := base64.StdEncoding.DecodeString(shortRSA)
		if err != nil {
			t.Fatal(err)
		}
		return nil, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// shortRSA is a public key of 1024 bits.
const shortRSA = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC5jaIYGCCKsk4C9jlY0wg4EMLNUJK4iLvg+ebxomE1Hvg2XhBDE7WtDSgk+bwEHaicY0hqpYVoAtXNwtRWwc/LC+9DUnF6TqWEZnUZaSv0FpAYBN3PeNrGOoyWtlk31KaQjXVjC6SCRQTMhU1Op9s+yK8Y8fr64SzuTUZxFH212QIDAQAB"

func sign(t testing.TB, key crypto.Signer, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	data, hash := sum[:], crypto.SHA256
	if _, ok := key.(ed25519.PrivateKey); ok {
		data, hash = message, 0
	}
	sig, err := key.Sign(rand.Reader, data, hash)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func put(t testing.TB, s *content.Store, mediaType string, data []byte) ocispec.Descriptor {
	t.Helper()
	d, err := s.Put(t.Context(), mediaType, data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func putJSON(t testing.TB, s *content.Store, mediaType string, v any) ocispec.Descriptor {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return put(t, s, mediaType, data)
}

func tag(t testing.TB, s *content.Store, name string, d ocispec.Descriptor) {
	t.Helper()
	if err := s.Tag(t.Context(), name, d); err != nil {
		t.Fatal(err)
	}
}

var versioned = specs.Versioned{SchemaVersion: 2}

// found puts an index of one image into the store.
func found(t testing.TB, s *content.Store) image.Found {
	t.Helper()
	config := put(t, s, ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64"}`))
	m := putJSON(t, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{Versioned: versioned, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{}})
	m.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	root := putJSON(t, s, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: versioned, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{m}})
	tag(t, s, ref, root)
	return image.Found{Ref: ref, Root: root, Manifest: m}
}

func simplePayload(repository string, d digest.Digest) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, repository, d)
}

// cosign puts signatures beside an image, as cosign does; each is the
// annotations of a payload.
func cosign(t testing.TB, s *content.Store, d digest.Digest, signed ...signedPayload) {
	t.Helper()
	m := ocispec.Manifest{Versioned: versioned, MediaType: ocispec.MediaTypeImageManifest, Config: put(t, s, ocispec.MediaTypeImageConfig, []byte("{}"))}
	for _, p := range signed {
		l := put(t, s, mediaSimpleSigning, p.payload)
		l.Annotations = p.annotations
		m.Layers = append(m.Layers, l)
	}
	name, err := reference.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	sig, _ := image.SignatureNames(name, d)
	tag(t, s, sig, putJSON(t, s, ocispec.MediaTypeImageManifest, m))
}

type signedPayload struct {
	payload     []byte
	annotations map[string]string
}

func simple(t testing.TB, key crypto.Signer, payload []byte) signedPayload {
	return signedPayload{payload, map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(sign(t, key, payload))}}
}

// bundled puts sigstore bundles beside an image, as referrers.
func bundled(t testing.TB, s *content.Store, d digest.Digest, bundles ...[]byte) {
	t.Helper()
	var children []ocispec.Descriptor
	for _, b := range bundles {
		children = append(children, putJSON(t, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{
			Versioned: versioned, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: mediaBundlePrefix + ".v0.3+json",
			Config: put(t, s, ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{put(t, s, mediaBundlePrefix+".v0.3+json", b)},
		}))
	}
	name, err := reference.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	_, referrers := image.SignatureNames(name, d)
	tag(t, s, referrers, putJSON(t, s, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: versioned, MediaType: ocispec.MediaTypeImageIndex, Manifests: children}))
}

func statementAbout(d digest.Digest, predicate string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{%q:%q}}],"predicateType":%q,"predicate":{}}`, d.Algorithm(), d.Encoded(), predicate)
}

func bundleOf(t testing.TB, key crypto.Signer, payload []byte, material string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"mediaType":            mediaBundlePrefix + ".v0.3+json",
		"verificationMaterial": json.RawMessage(material),
		"dsseEnvelope": map[string]any{
			"payload": payload, "payloadType": payloadTypeInToto,
			"signatures": []any{map[string]any{"sig": sign(t, key, authenticated(payloadTypeInToto, payload))}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}
