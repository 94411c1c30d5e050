package content

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestRecordedCache(t *testing.T) {
	s := copyRecorded(t)
	if all := checkWhole(t, s); len(all) != 9 || all[0].Ref != "docker.io/conf/app:v1" {
		t.Errorf("List = %v", all)
	}
	if err := s.Tag(t.Context(), "x.io/a:b", mustPutImage(t, s, "layer")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.path(indexFile))
	if err != nil || !strings.HasPrefix(string(data), "{\n   \"schemaVersion\": 2,") || data[len(data)-1] != '}' {
		t.Errorf("index.json, %v:\n%s", err, data)
	}
	if all := checkWhole(t, s); len(all) != 10 {
		t.Errorf("after Tag: %d entries", len(all))
	}
}

func TestResolve(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	images := map[string]ocispec.Descriptor{}
	for _, name := range []string{"docker.io/library/alpine", "docker.io/library/redis:latest", "127.0.0.1:5000/x", "foo:bar", "x.io/a:1"} {
		images[name] = mustPutImage(t, s, name)
		if err := s.Tag(ctx, name, images[name]); err != nil {
			t.Fatal(err)
		}
	}
	unnamed := mustPutImage(t, s, "unnamed")
	byTag := images["x.io/a:1"].Digest.String()
	for _, c := range []struct {
		ref  string
		want digest.Digest
	}{
		{"docker.io/library/alpine", images["docker.io/library/alpine"].Digest},
		{"docker.io/library/alpine:latest", images["docker.io/library/alpine"].Digest},
		{"index.docker.io/library/alpine", images["docker.io/library/alpine"].Digest},
		{"docker.io/library/redis", images["docker.io/library/redis:latest"].Digest},
		{"docker.io/redis", images["docker.io/library/redis:latest"].Digest},
		{"127.0.0.1:5000/x:latest", images["127.0.0.1:5000/x"].Digest},
		{"foo:bar", images["foo:bar"].Digest},
		{"x.io/a@" + byTag, images["x.io/a:1"].Digest},
		{"x.io/a:1@" + byTag, images["x.io/a:1"].Digest},
		{"x.io/other@" + unnamed.Digest.String(), unnamed.Digest},
		{"x.io/a:2", ""},
		{"x.io/a:1@" + digest.FromString("other").String(), ""},
	} {
		d, err := s.Resolve(ctx, c.ref)
		if d.Digest != c.want || (c.want == "") != errors.Is(err, ErrNotFound) {
			t.Errorf("Resolve(%s) = %s, %v, want %s", c.ref, d.Digest, err, c.want)
		}
	}
}

// What a name with a digest resolves to has that digest, even if an entry of
// exactly that name says otherwise.
func TestResolveLyingEntry(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	good, evil := mustPutImage(t, s, "good"), mustPutImage(t, s, "evil")
	ref := "x.io/a@" + good.Digest.String()
	if err := s.Tag(ctx, ref, evil); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Resolve(ctx, ref); err != nil || d.Digest != good.Digest {
		t.Errorf("Resolve = %s, %v", d.Digest, err)
	}
}

func TestTagReplaces(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	one, two := mustPutImage(t, s, "one"), mustPutImage(t, s, "two")
	for _, tag := range []struct {
		ref  string
		desc ocispec.Descriptor
	}{{"x.io/a:1", one}, {"x.io/b:1", one}, {"x.io/a:1", two}} {
		if err := s.Tag(ctx, tag.ref, tag.desc); err != nil {
			t.Fatal(err)
		}
	}
	all := checkWhole(t, s)
	if len(all) != 2 || all[0].Digest != two.Digest || all[1].Digest != one.Digest {
		t.Errorf("List = %v", all)
	}
	i, err := s.readIndex()
	if err != nil || i.Manifests[1].Digest != two.Digest {
		t.Errorf("the new entry is not last: %v, %v", i, err)
	}
}

// TestIndexMemo changes the index behind the back of a store that remembers it.
func TestIndexMemo(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	one := mustPutImage(t, s, "one")
	if err := s.Tag(ctx, "x.io/a:1", one); err != nil {
		t.Fatal(err)
	}
	name := s.path(indexFile)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	first, err := s.load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.load(ctx); err != nil || again != first {
		t.Errorf("the index was read again: %v", err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(data, []byte("x.io/a:1"), []byte("x.io/b:1"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(ctx); err != nil || len(all) != 1 || all[0].Ref != "x.io/b:1" {
		t.Errorf("List = %v, %v; want the new name", all, err)
	}
	if _, err := s.Resolve(ctx, "x.io/b:1"); err != nil {
		t.Error(err)
	}
}

func TestTagRefuses(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	if err := s.Tag(ctx, "", mustPutImage(t, s, "one")); err == nil {
		t.Error("an empty name was accepted")
	}
	absent := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("absent"), Size: 1}
	if err := s.Tag(ctx, "x.io/a:1", absent); !errors.Is(err, ErrNotFound) {
		t.Errorf("Tag of an absent blob: %v", err)
	}
	failed := errors.New("failed")
	err := s.Update(ctx, "x.io/a:1", func(old *ocispec.Descriptor) (ocispec.Descriptor, error) { return absent, failed })
	if !errors.Is(err, failed) || len(checkWhole(t, s)) != 0 {
		t.Errorf("Update: %v", err)
	}
}

func TestDamagedIndex(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	data, err := os.ReadFile(s.path(indexFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"", string(data[:len(data)/2]), "[]", `{"manifests":7}`} {
		os.WriteFile(s.path(indexFile), []byte(damaged), 0o600)
		if _, err := s.List(ctx); err == nil {
			t.Errorf("List accepted %.20q", damaged)
		}
		if err := s.Remove(ctx, "docker.io/conf/app:v1"); err == nil {
			t.Errorf("Remove accepted %.20q", damaged)
		}
		if _, err := s.Collect(ctx, 0); err == nil {
			t.Errorf("Collect accepted %.20q", damaged)
		}
		if got, _ := os.ReadFile(s.path(indexFile)); string(got) != damaged {
			t.Errorf("%.20q was changed", damaged)
		}
	}
	os.WriteFile(s.path(indexFile), data, 0o600)
	checkWhole(t, s)
}

func TestForeignEntriesSurvive(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	d := mustPutImage(t, s, "one")
	index := `{"schemaVersion":2,"manifests":[{"mediaType":"` + d.MediaType + `","size":1,"digest":"` + d.Digest.String() + `","platform":{"architecture":"arm","os":"linux","variant":"v6"}},
		{"mediaType":"x","digest":"not a digest","size":-3,"annotations":{"org.opencontainers.image.ref.name":"broken"}}]}`
	if err := os.WriteFile(s.path(indexFile), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(ctx, "x.io/a:1", d); err != nil {
		t.Fatal(err)
	}
	i, err := s.readIndex()
	if err != nil || len(i.Manifests) != 3 || i.Manifests[0].Platform.Variant != "v6" {
		t.Errorf("index = %v, %v", i, err)
	}
	if err := s.Delete(ctx, "broken"); err != nil {
		t.Errorf("a broken entry cannot be removed: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	data, err := os.ReadFile(recorded + "/index.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"manifests":[{"digest":"sha256:../../x","annotations":{"org.opencontainers.image.ref.name":"a"}}]}`))
	s := newStore(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := decodeIndex(data)
		if err != nil {
			return
		}
		for _, d := range i.Manifests {
			ref := d.Annotations[ocispec.AnnotationRefName]
			if found := find(i, ref); ref != "" && found != nil && s.Has(t.Context(), *found) {
				t.Errorf("%s is there: %v", ref, found)
			}
			drop(i, "another name")
		}
		text, err := encodeIndex(i)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeIndex(text); err != nil || len(again.Manifests) != len(i.Manifests) {
			t.Errorf("rewritten index: %v\n%s", err, text)
		}
	})
}
