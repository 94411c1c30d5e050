package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/compresstest"
	"github.com/linuxkit/linuxkit/internal/content"
)

// pack makes a tar of a cache, its index first or last, its names with a prefix.
func pack(t testing.TB, s *content.Store, prefix string, indexFirst bool) []byte {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(s.Dir()), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !indexFirst {
		slices.Reverse(names)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		if (a == "index.json") == (b == "index.json") {
			return 0
		}
		if (a == "index.json") == indexFirst {
			return -1
		}
		return 1
	})
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, name := range names {
		data, err := os.ReadFile(s.Dir() + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		add(tw, prefix+name, data)
	}
	tw.Close()
	return buf.Bytes()
}

func add(tw *tar.Writer, name string, data []byte) {
	tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))})
	tw.Write(data)
}

func TestImport(t *testing.T) {
	from := recorded(t)
	plain := pack(t, from, "", false)
	for name, data := range map[string][]byte{
		"plain":       plain,
		"index first": pack(t, from, "", true),
		"dot slash":   pack(t, from, "./", false),
		"gzip":        compresstest.Gzip(t, plain),
		"zstd":        compresstest.Zstd(t, plain),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			for range 2 { // the second time nothing is new
				if named, err := Import(t.Context(), s, bytes.NewReader(data)); err != nil || len(named) != 9 {
					t.Fatalf("Import = %v, %v", named, err)
				}
			}
			all, err := s.List(t.Context())
			if err != nil || len(all) != 9 {
				t.Fatalf("List = %v, %v", all, err)
			}
			for _, n := range all {
				if _, err := openLayout(t.Context(), s, n.Ref, n.Descriptor, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestImportNames(t *testing.T) {
	for _, c := range []struct{ full, ref, want string }{
		{"docker.io/library/foo:1", "1", "docker.io/library/foo:1"},
		{"foo:bar", "x.io/a:1", "foo:bar"},
		{"", "x.io/a:1", "x.io/a:1"},
		{"", "latest", ""},
		{"", "foo/bar", ""},
		{"", "x.io/UPPER:1", ""},
		{"", "", ""},
	} {
		d := ocispec.Descriptor{Annotations: map[string]string{AnnotationName: c.full, ocispec.AnnotationRefName: c.ref}}
		if got, err := importName(d); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("importName(%q, %q) = %q, %v", c.full, c.ref, got, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	archive := func(names ...string) []byte {
		var buf bytes.Buffer
		tw := tar.NewWriter(&buf)
		for i := 0; i < len(names); i += 2 {
			add(tw, names[i], []byte(names[i+1]))
		}
		tw.Close()
		return buf.Bytes()
	}
	zeros := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"empty":          {nil, "empty"},
		"text":           {[]byte("this is not a tar"), "unable to load image"},
		"bad name":       {archive("blobs/sha256/xyz", ""), "invalid hash filename for blobs/sha256/xyz"},
		"bad algorithm":  {archive("blobs/md5/"+zeros, ""), "invalid hash filename"},
		"wrong content":  {archive("blobs/sha256/"+zeros, "x"), "digest"},
		"broken index":   {archive("index.json", "{"), "error reading index.json"},
		"no index":       {archive("other.json", "[]"), "no OCI image layout"},
		"no image":       {archive("manifest.json", "[]"), "names no image"},
		"hostile digest": {archive("index.json", `{"manifests":[{"digest":"sha256:../../x"}]}`), "digest"},
		"absent image":   {archive("index.json", `{"manifests":[{"digest":"sha256:`+zeros+`","annotations":{"io.containerd.image.name":"x.io/a:1"}}]}`), "not in the cache"},
		"truncated":      {archive("index.json", strings.Repeat("x", 2000))[:1000], "unable to load image"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			_, err := Import(t.Context(), s, bytes.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Import: %v", err)
			}
			if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("List = %v, %v", all, err)
			}
		})
	}
}

func TestExportOCI(t *testing.T) {
	s, ctx := recorded(t), t.Context()
	img, err := (&Resolver{Store: s}).Image(ctx, "docker.io/conf/app:v1", arm64)
	if err != nil {
		t.Fatal(err)
	}
	var one, two bytes.Buffer
	for _, w := range []io.Writer{&one, &two} {
		if err := img.ExportOCI(ctx, w, "docker.io/library/other:1"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two exports differ")
	}
	fresh := newStore(t)
	named, err := Import(ctx, fresh, &one)
	if err != nil || len(named) != 1 || named[0].Ref != "docker.io/library/other:1" || named[0].Digest != img.Descriptor.Digest || !content.IsManifest(named[0].MediaType) {
		t.Fatalf("Import = %v, %v", named, err)
	}
	if _, err := (&Resolver{Store: fresh}).Image(ctx, "other:1", arm64); err != nil {
		t.Error(err)
	}
}

func TestExportDocker(t *testing.T) {
	s, ctx := recorded(t), t.Context()
	img, err := (&Resolver{Store: s}).Image(ctx, "docker.io/conf/layers:v1", amd64)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := img.ExportDocker(ctx, &buf, "docker.io/library/foo"); err != nil {
		t.Fatal(err)
	}
	entries := map[string][]byte{}
	for tr := tar.NewReader(&buf); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		entries[h.Name], _ = io.ReadAll(tr)
	}
	var manifest []dockerImage
	if err := json.Unmarshal(entries["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("%s: %v", entries["manifest.json"], err)
	}
	m := manifest[0]
	if len(entries[m.Config]) == 0 || len(m.Layers) != 2 || !slices.Equal(m.RepoTags, []string{"docker.io/library/foo:latest"}) {
		t.Errorf("manifest = %+v", m)
	}
	for _, l := range m.Layers {
		if len(entries[l]) == 0 {
			t.Errorf("layer %s is absent", l)
		}
	}
}

func TestExportDamaged(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	provide(t, s, amd64)
	img, err := (&Resolver{Store: s}).Image(ctx, ref, amd64)
	if err != nil {
		t.Fatal(err)
	}
	l := img.Manifest.Layers[0]
	path := s.Dir() + "/blobs/sha256/" + l.Digest.Encoded()
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), int(l.Size)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := img.ExportOCI(ctx, io.Discard, ref); !errors.Is(err, content.ErrCorrupt) {
		t.Errorf("ExportOCI: %v", err)
	}
}

func TestArchNames(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	v6 := ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}
	windows := ocispec.Platform{OS: "windows", Architecture: "amd64"}
	a, r := putImage(t, s, amd64), putImage(t, s, v6)
	root := putIndex(t, s, a, r, putImage(t, s, windows), attest(t, s, a))
	tag(t, s, ref, root)
	if err := TagArches(ctx, s, ref, root); err != nil {
		t.Fatal(err)
	}
	want := []string{ref + "-amd64", ref + "-arm-v6"}
	got, err := archNames(ctx, s, content.Named{Ref: ref, Descriptor: root})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("archNames = %q, %v", got, err)
	}
	// A package build names an index of the image; another image may have such
	// a name by chance.
	tag(t, s, ref+"-amd64", putIndex(t, s, a, attest(t, s, a)))
	tag(t, s, ref+"-arm-v6", putImage(t, s, riscv64))
	got, err = archNames(ctx, s, content.Named{Ref: ref, Descriptor: root})
	if err != nil || !slices.Equal(got, want[:1]) {
		t.Errorf("archNames = %q, %v", got, err)
	}
}

func FuzzImport(f *testing.F) {
	s := newStore(f)
	tag(f, s, ref, putIndex(f, s, putImage(f, s, amd64)))
	f.Add(pack(f, s, "", false))
	f.Add([]byte("text"))
	target := newStore(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		roots, err := Load(t.Context(), target, bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, d := range roots {
			img, err := Open(t.Context(), target, "x.io/fuzz", d, amd64)
			if err == nil && len(img.Layers()) != len(img.Manifest.Layers) {
				t.Errorf("%v", img)
			}
		}
	})
}
