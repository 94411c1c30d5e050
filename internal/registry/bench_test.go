package registry

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/registrytest"
)

// BenchmarkPull pulls an image of eight layers and 500 MB from a registry on
// this host into an empty cache.
func BenchmarkPull(b *testing.B) {
	const layers, size = 8, 500_000_000 / 8
	r := registrytest.Start(b, registrytest.Options{})
	open := func(dir string) *Client {
		s, err := content.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		c, err := New(Options{Store: s, Keychain: authn.NewMultiKeychain()})
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	ref := r.Host + "/bench/image:1"
	pushRandom(b, open(b.TempDir()), ref, layers, size)
	b.SetBytes(layers * size)
	for b.Loop() {
		c := open(b.TempDir())
		if _, err := c.Pull(b.Context(), ref, nil, 0); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.opts.Store.Clean(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func pushRandom(b *testing.B, c *Client, ref string, layers int, size int64) {
	b.Helper()
	var list []ocispec.Descriptor
	for i := range layers {
		w, err := c.opts.Store.Create(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyN(w, rand.NewChaCha8([32]byte{byte(i)}), size); err != nil {
			b.Fatal(err)
		}
		d, err := w.Commit(b.Context(), ocispec.MediaTypeImageLayer, "")
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, d)
	}
	if err := c.opts.Store.Tag(b.Context(), ref, put(b, c.opts.Store, amd64, list...)); err != nil {
		b.Fatal(err)
	}
	if err := c.Push(b.Context(), ref, ref, PushOptions{}); err != nil {
		b.Fatal(fmt.Errorf("push what is to be pulled: %w", err))
	}
}
