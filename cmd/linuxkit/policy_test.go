package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fake "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// signer writes signatures as cosign does.
type signer struct {
	key    ed25519.PrivateKey
	policy string // a file that demands its signature of everything
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &signer{key: key, policy: filepath.Join(dir, "policy.yml")}
	for name, text := range map[string]string{
		"policy.yml": "rules:\n- images: ['**']\n  keys: [team.pub]\n",
		"team.pub":   string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// publish pushes the signature of a digest to a repository.
func (s *signer) publish(t *testing.T, repository string, d digest.Digest) {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "signatures")
	store, err := content.Open(cache)
	if err != nil {
		t.Fatal(err)
	}
	put := func(mediaType string, data []byte) ocispec.Descriptor {
		desc, err := store.Put(t.Context(), mediaType, data)
		if err != nil {
			t.Fatal(err)
		}
		return desc
	}
	payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"}}`, repository, d)
	layer := put("application/vnd.dev.cosign.simplesigning.v1+json", payload)
	layer.Annotations = map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, payload))}
	m, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: put(ocispec.MediaTypeImageConfig, []byte("{}")), Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		t.Fatal(err)
	}
	name := repository + ":" + d.Algorithm().String() + "-" + d.Encoded() + ".sig"
	if err := store.Tag(t.Context(), name, put(ocispec.MediaTypeImageManifest, m)); err != nil {
		t.Fatal(err)
	}
	succeed(t, "--cache", cache, "cache", "push", name)
}

// A signature that the registry has is fetched once; after that no network is
// needed. Another cache without it, and an image that changed, are refused.
func TestPolicySignatures(t *testing.T) {
	recordedCache(t)
	server := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	ref := host + "/conf/app:v1"
	succeed(t, "cache", "push", "--remote-name", ref, "conf/app:v1")
	s := newSigner(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "a.yml")
	if err := os.WriteFile(config, []byte("init: ["+ref+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := func(cache string) result {
		return linuxkit(t, nil, "--cache", cache, "--policy", s.policy, "build", "--no-sbom", "--format", "tar", "-o", filepath.Join(dir, "out.tar"), config)
	}
	first, second, third := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")
	if r := build(first); r.code != exitRefused || !strings.Contains(r.stderr, "there is none") {
		t.Errorf("unsigned: %+v", r)
	}
	if r := linuxkit(t, nil, "--cache", second, "--policy", s.policy, "cache", "pull", ref); r.code != exitRefused {
		t.Errorf("pull of an unsigned image: %+v", r)
	}
	s.publish(t, host+"/conf/app", rootDigest(t, first, ref))
	if r := build(first); r.code != 0 {
		t.Fatalf("signed: %+v", r)
	}
	succeed(t, "--cache", third, "cache", "pull", "--signatures", ref)
	succeed(t, "--cache", second, "cache", "pull", ref)
	server.Close()
	for cache, want := range map[string]int{first: 0, third: 0, second: exitRefused} {
		if r := build(cache); r.code != want {
			t.Errorf("offline with cache %s: %+v", filepath.Base(cache), r)
		}
	}
	// Signatures go with the image.
	succeed(t, "--cache", third, "cache", "rm", ref)
	if left := cachedNames(t, "--cache", third); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

func rootDigest(t *testing.T, cache, ref string) digest.Digest {
	t.Helper()
	store, err := content.Open(cache)
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return d.Digest
}
