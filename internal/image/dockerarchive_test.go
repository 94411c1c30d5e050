package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

// tarFile is a file of an archive; a link has a target.
type tarFile struct{ name, text, link string }

func tarOf(t testing.TB, files ...tarFile) []byte {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), Typeflag: tar.TypeReg}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// saved is what docker save wrote before it knew OCI: layers in directories,
// equal ones as links, the manifest last.
func saved(t testing.TB, tags string) []tarFile {
	layer := string(tarOf(t, tarFile{name: "etc/x", text: "hello"}))
	config := fmt.Sprintf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%[1]q,%[1]q]}}`, digest.FromString(layer))
	return []tarFile{
		{name: "0a/VERSION", text: "1.0"}, {name: "0a/json", text: "{}"}, {name: "0a/layer.tar", text: layer},
		{name: "0b/layer.tar", link: "../0a/layer.tar"}, {name: "c0.json", text: config},
		{name: "manifest.json", text: `[{"Config":"c0.json","RepoTags":` + tags + `,"Layers":["0a/layer.tar","0b/layer.tar"]}]`},
		{name: "repositories", text: "{}"},
	}
}

func TestImportDockerSave(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	named, err := Import(ctx, s, bytes.NewReader(tarOf(t, saved(t, `["app:v1","x.io/other:2"]`)...)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range named {
		names = append(names, n.Ref)
	}
	if !slices.Equal(names, []string{"docker.io/library/app:v1", "x.io/other:2"}) {
		t.Errorf("names %q", names)
	}
	img, err := (&Resolver{Store: s}).Image(ctx, "app:v1", ocispec.Platform{OS: "linux", Architecture: "amd64"})
	if err != nil || len(img.Manifest.Layers) != 2 || img.Manifest.Layers[0].MediaType != ocispec.MediaTypeImageLayer {
		t.Fatalf("%+v, %v", img, err)
	}
	var out bytes.Buffer
	if err := img.ExportFilesystem(ctx, &out); err != nil || !strings.Contains(out.String(), "hello") {
		t.Errorf("files: %v", err)
	}
	// What we write for docker can be read again.
	out.Reset()
	if err := img.ExportDocker(ctx, &out, "again:1"); err != nil {
		t.Fatal(err)
	}
	if named, err := Import(ctx, newStore(t), &out); err != nil || named[0].Ref != "docker.io/library/again:1" {
		t.Errorf("%v, %v", named, err)
	}
}

func TestImportDockerSaveRefuses(t *testing.T) {
	change := func(name string, f func(*tarFile)) []tarFile {
		files := saved(t, `["app:v1"]`)
		for i := range files {
			if files[i].name == name {
				f(&files[i])
			}
		}
		return files
	}
	many := make([]tarFile, maxArchiveFiles+2)
	for i := range many {
		many[i] = tarFile{name: fmt.Sprintf("%d/layer.tar", i), link: "x"}
	}
	for name, c := range map[string]struct {
		files []tarFile
		want  string
	}{
		"no name":       {saved(t, "null"), "no full name"},
		"no config":     {change("c0.json", func(f *tarFile) { f.name = "c1.json" }), "lacks the configuration"},
		"no layer":      {change("0a/layer.tar", func(f *tarFile) { f.name = "x" }), "lacks the layer"},
		"wrong layer":   {change("0a/layer.tar", func(f *tarFile) { f.text += "x" }), "the configuration says"},
		"wrong gzip":    {change("0a/layer.tar", func(f *tarFile) { f.text = string(compresstest.Gzip(t, "x")) }), "the configuration says"},
		"broken gzip":   {change("0a/layer.tar", func(f *tarFile) { f.text = string(compresstest.Gzip(t, "x"))[:12] }), "layer"},
		"link in rings": {change("0b/layer.tar", func(f *tarFile) { f.link = "layer.tar" }), "lacks the layer"},
		"link outside":  {change("0b/layer.tar", func(f *tarFile) { f.link = "../../../etc/passwd" }), "lacks the layer"},
		"too few":       {change("c0.json", func(f *tarFile) { f.text = `{}` }), "is for 0 layers"},
		"bad config":    {change("c0.json", func(f *tarFile) { f.text = `[]` }), "configuration"},
		"bad manifest":  {change("manifest.json", func(f *tarFile) { f.text = `{}` }), "manifest.json"},
		"huge document": {change("c0.json", func(f *tarFile) { f.text = strings.Repeat(" ", 9<<20) }), "bytes"},
		"too many":      {many, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if _, err := Import(t.Context(), s, bytes.NewReader(tarOf(t, c.files...))); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Import: %v", err)
			}
			if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
				t.Errorf("List = %v, %v", all, err)
			}
		})
	}
}

func FuzzDockerArchive(f *testing.F) {
	f.Add(tarOf(f, saved(f, `["app:v1"]`)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStore(t)
		if _, err := Import(t.Context(), s, bytes.NewReader(data)); err != nil {
			return
		}
		if audit, err := s.Audit(t.Context()); err != nil || len(audit.Damaged) != 0 {
			t.Errorf("Audit = %+v, %v", audit, err)
		}
	})
}
