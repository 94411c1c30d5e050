package image

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

func TestOpen(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	a, r := putImage(t, s, amd64), putImage(t, s, ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"})
	v6 := putImage(t, s, ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v6"})
	v7 := putImage(t, s, ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"})
	index := putIndex(t, s, attest(t, s, a), a, r, v6, v7)
	bare := a
	bare.Platform = nil
	lying := r
	lying.Platform = &amd64
	asIndex := a
	asIndex.MediaType = ocispec.MediaTypeImageIndex
	for _, c := range []struct {
		name string
		root ocispec.Descriptor
		p    ocispec.Platform
		want ocispec.Descriptor
		err  error
	}{
		{"index", index, amd64, a, nil},
		{"any variant", index, arm64, r, nil},
		{"implied variant", index, ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, r, nil},
		{"variant", index, ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, v7, nil},
		{"absent", index, riscv64, a, ErrNoPlatform},
		{"another system", index, ocispec.Platform{OS: "windows", Architecture: "amd64"}, a, ErrNoPlatform},
		{"attestation", index, ocispec.Platform{OS: unknown, Architecture: unknown}, a, ErrNoPlatform},
		{"lone manifest", a, amd64, a, nil},
		{"lone manifest of another architecture", a, arm64, a, ErrNoPlatform},
		{"manifest called an index", asIndex, amd64, a, nil},
		{"nested", putIndex(t, s, putIndex(t, s, r), index), amd64, a, nil},
		{"child without platform", putIndex(t, s, bare), amd64, a, ErrNoPlatform},
		{"index that lies", putIndex(t, s, lying), amd64, a, ErrNoPlatform},
		{"both forms", put(t, s, ocispec.MediaTypeImageIndex, []byte(`{"manifests":[],"layers":[]}`)), amd64, a, content.ErrInvalid},
		{"too deep", putIndex(t, s, putIndex(t, s, putIndex(t, s, putIndex(t, s, putIndex(t, s, index))))), amd64, a, ErrNoPlatform},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := Open(ctx, s, "x.io/a:1", c.root, c.p)
			if !errors.Is(err, c.err) || c.err == nil && img.Descriptor.Digest != c.want.Digest {
				t.Fatalf("Open = %v, %v", img, err)
			}
			if c.err == nil && (len(img.Layers()) != 1 || img.Config.Architecture != c.p.Architecture) {
				t.Errorf("image = %+v", img)
			}
		})
	}
}

func TestNoPlatformNamesThose(t *testing.T) {
	s := newStore(t)
	_, err := Open(t.Context(), s, "x.io/a:1", putIndex(t, s, putImage(t, s, amd64), putImage(t, s, arm64)), riscv64)
	if err == nil || !strings.Contains(err.Error(), "linux/riscv64") || !strings.Contains(err.Error(), "linux/amd64, linux/arm64") {
		t.Error(err)
	}
}

func TestMissingBlobs(t *testing.T) {
	for n, name := range []string{"manifest", "configuration", "layer"} {
		s := newStore(t)
		root := putIndex(t, s, putImage(t, s, amd64))
		img, err := Open(t.Context(), s, "x.io/a:1", root, amd64)
		if err != nil {
			t.Fatal(err)
		}
		lose(t, s, []ocispec.Descriptor{img.Descriptor, img.Manifest.Config, img.Manifest.Layers[0]}[n])
		if _, err := Open(t.Context(), s, "x.io/a:1", root, amd64); !errors.Is(err, content.ErrNotFound) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// TestSBOMs has an attestation twice, another that is not in the cache, and an
// index in an index.
func TestSBOMs(t *testing.T) {
	missing := 0
	s, ctx := newStore(t), t.Context()
	a, r := putImage(t, s, amd64), putImage(t, s, arm64)
	lost := attest(t, s, a)
	lost.Digest = digest.FromString("not there")
	inner := putIndex(t, s, a, r, attest(t, s, a), attest(t, s, a), lost)
	root := putIndex(t, s, inner)
	for p, want := range map[string]int{"linux/amd64": 2, "linux/arm64": 0} {
		platform, _ := ParsePlatform(p)
		img, err := Open(ctx, s, "x.io/a:1", root, platform)
		if err != nil {
			t.Fatal(err)
		}
		boms, err := img.SBOMs(ctx)
		if err != nil || len(boms) != want {
			t.Errorf("%s: %d bills of materials, %v", p, len(boms), err)
		}
		for _, open := range boms {
			f, err := open()
			if errors.Is(err, content.ErrNotFound) {
				missing++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(f); err != nil || !strings.Contains(string(data), predicateSPDX) {
				t.Errorf("%q, %v", data, err)
			}
			f.Close()
		}
	}
	if missing != 1 {
		t.Errorf("%d attestations are missing", missing)
	}
}

func TestLayout(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	a, r := putImage(t, s, amd64), putImage(t, s, arm64)
	index := putIndex(t, s, a, r, attest(t, s, a), attest(t, s, r))
	for _, c := range []struct {
		name      string
		root      ocispec.Descriptor
		platforms []ocispec.Platform
		blobs     int
		err       error
	}{
		{"one platform", index, []ocispec.Platform{amd64}, 4, nil},
		{"two platforms", index, []ocispec.Platform{arm64, amd64}, 7, nil},
		{"all", index, nil, 7 + 5, nil}, // two attestations that share a configuration
		{"absent", index, []ocispec.Platform{amd64, riscv64}, 0, ErrNoPlatform},
		{"lone manifest", a, nil, 3, nil},
		{"lone manifest for its platform", a, []ocispec.Platform{amd64}, 3, nil},
		{"lone manifest for another", a, []ocispec.Platform{arm64}, 0, ErrNoPlatform},
	} {
		t.Run(c.name, func(t *testing.T) {
			tag(t, s, "x.io/a:1", c.root)
			l, err := (&Resolver{Store: s}).Layout(ctx, "x.io/a:1", c.platforms)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if len(l.Blobs) != c.blobs || l.Blobs[len(l.Blobs)-1].Digest != l.Root.Digest {
				t.Errorf("%d blobs, root %v", len(l.Blobs), l.Root)
			}
			for _, b := range l.Blobs {
				f, err := l.Open(ctx, b)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, f); err != nil || n != b.Size {
					t.Errorf("%s: %d bytes, %v", b.Digest, n, err)
				}
				f.Close()
			}
		})
	}
}

func TestParsePlatform(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"linux/amd64", "linux/amd64"}, {"linux/arm/v7", "linux/arm/v7"},
		{"linux", ""}, {"linux/", ""}, {"/amd64", ""}, {"a/b/c/d", ""}, {"", ""},
	} {
		p, err := ParsePlatform(c.in)
		if got := Format(p); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("ParsePlatform(%q) = %q, %v", c.in, got, err)
		}
	}
}
