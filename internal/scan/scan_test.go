package scan

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

// newImage makes an image of one layer.
func newImage(t *testing.T, files map[string][]byte) *image.Image {
	t.Helper()
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put := func(mediaType string, data []byte) ocispec.Descriptor {
		d, err := s.Put(t.Context(), mediaType, data)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	encode := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	p := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{put(ocispec.MediaTypeImageLayer, b.Bytes())}}
	m.Config = put(ocispec.MediaTypeImageConfig, encode(ocispec.Image{Platform: p, RootFS: ocispec.RootFS{DiffIDs: []digest.Digest{digest.FromBytes(b.Bytes())}}}))
	img, err := image.Open(t.Context(), s, "x", put(ocispec.MediaTypeImageManifest, encode(m)), p)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestImage(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := buildinfo.ReadFile(self); err != nil {
		t.Skip("this test program does not tell its modules")
	}
	parts, err := Image(t.Context(), newImage(t, map[string][]byte{
		"lib/apk/db/installed":         []byte("C:Q1x=\nP:musl\nV:1.2.5-r1\nA:x86_64\nF:lib\nR:ld.so\na:0:0:755\n\nP:busybox\nV:1.37.0-r8\nA:x86_64\n"),
		"var/lib/dpkg/status":          []byte("Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\nDescription: x\n Version: no\n\nPackage: old\nStatus: deinstall ok config-files\nVersion: 1\n"),
		"var/lib/dpkg/status.d/tool":   []byte("Package: tool\nVersion: 1:2+b~1\nArchitecture: all\n"),
		"usr/bin/program":              program,
		"usr/bin/script":               bytes.Repeat([]byte("#"), smallest+1),
		"usr/share/var/lib/dpkg/other": []byte("Package: no\nVersion: 1\n"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, p := range parts {
		sources = append(sources, p.Source)
	}
	all := strings.Join(sources, "\n")
	for _, want := range []string{
		"pkg:apk/alpine/musl@1.2.5-r1?arch=x86_64", "pkg:apk/alpine/busybox@1.37.0-r8?arch=x86_64", "pkg:deb/debian/libc6@2.41-12?arch=amd64",
		"pkg:deb/debian/tool@1%3A2%2Bb~1?arch=all", "pkg:golang/stdlib@",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s was not found in\n%s", want, all)
		}
	}
	if strings.Contains(all, "/old@") || strings.Contains(all, "/no@") {
		t.Errorf("found what is not there:\n%s", all)
	}
}

func FuzzDatabase(f *testing.F) {
	f.Add([]byte("P:a\nV:1\n\nP:b\nV:2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &scanner{}
		if err := s.database(bytes.NewReader(data), apkFields, apkSource); err != nil {
			return
		}
		for _, p := range s.parts.List() {
			if p.Name == "" || p.Version == "" || strings.Contains(p.Source, "\n") {
				t.Errorf("component %+v", p)
			}
		}
	})
}
