package imagelock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

var amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}

func found(ref, root, manifest string, p ocispec.Platform) image.Found {
	return image.Found{
		Ref: ref, Platform: p,
		Root:     ocispec.Descriptor{Digest: digest.FromString(root)},
		Manifest: ocispec.Descriptor{Digest: digest.FromString(manifest)},
	}
}

func open(t *testing.T, name string, update bool) *Lock {
	t.Helper()
	l, err := Open(name, update)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLock(t *testing.T) {
	ctx, name := t.Context(), filepath.Join(t.TempDir(), "lock.yml")
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first := open(t, name, false)
	if d, err := first.Pin("x.io/a:1"); d != "" || err != nil {
		t.Errorf("new file: Pin = %q, %v", d, err)
	}
	for _, f := range []image.Found{
		found("x.io/b:1", "b", "b-amd64", amd64), found("x.io/a:1", "a", "a", ocispec.Platform{}), found("x.io/b:1", "b", "b-amd64", amd64),
	} {
		if err := first.Check(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Check(ctx, found("x.io/a:1", "other", "a", amd64)); err == nil || !strings.Contains(err.Error(), "changed during the build") {
		t.Errorf("an image that changes: %v", err)
	}
	if err := first.Save(ctx, s); err != nil {
		t.Fatal(err)
	}
	want := heading + "version: 1\nimages:\n" +
		"  x.io/a:1:\n    digest: " + digest.FromString("a").String() + "\n" +
		"  x.io/b:1:\n    digest: " + digest.FromString("b").String() + "\n    platforms:\n      linux/amd64: " + digest.FromString("b-amd64").String() + "\n"
	if got, _ := os.ReadFile(name); string(got) != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}

	second := open(t, name, false)
	if d, err := second.Pin("x.io/b:1"); d != digest.FromString("b") || err != nil {
		t.Errorf("Pin = %q, %v", d, err)
	}
	if _, err := second.Pin("x.io/c:1"); !errors.Is(err, ErrNotLocked) {
		t.Errorf("Pin of another image: %v", err)
	}
	arm64 := ocispec.Platform{OS: "linux", Architecture: "arm64"}
	for _, c := range []struct {
		f   image.Found
		err error
	}{
		{found("x.io/b:1", "b", "b-amd64", amd64), nil},
		{found("x.io/b:1", "b", "b", ocispec.Platform{}), nil},
		{found("x.io/b:1", "c", "b-amd64", amd64), ErrMismatch},
		{found("x.io/b:1", "b", "c-amd64", amd64), ErrMismatch},
		{found("x.io/b:1", "b", "b-arm64", arm64), ErrNotLocked},
		{found("x.io/c:1", "b", "b-amd64", amd64), ErrNotLocked},
	} {
		err := second.Check(ctx, c.f)
		if !errors.Is(err, c.err) {
			t.Errorf("%v: %v, want %v", c.f, err, c.err)
		}
		if errors.Is(err, ErrMismatch) && strings.Count(err.Error(), "sha256:") != 2 {
			t.Errorf("%v does not name both digests", err)
		}
	}
	if err := second.Save(ctx, s); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != want {
		t.Errorf("a file that is only used changes: %s", got)
	}
}

// built is an image that was built here, with one layer.
func built(t *testing.T, index, layer string, p ocispec.Platform) (f image.Found, contents digest.Digest) {
	t.Helper()
	f = found("x.io/pkg:1", index, index+layer, p)
	f.Built, f.Image = true, &image.Image{}
	f.Image.Config.Platform = p
	f.Image.Config.RootFS.DiffIDs = []digest.Digest{digest.FromString(layer)}
	contents, err := f.Image.Contents()
	if err != nil {
		t.Fatal(err)
	}
	return f, contents
}

// TestLockContents locks what was built here by what is in it.
func TestLockContents(t *testing.T) {
	ctx, name := t.Context(), filepath.Join(t.TempDir(), "lock.yml")
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	arm64 := ocispec.Platform{OS: "linux", Architecture: "arm64"}
	first, inFirst := built(t, "one", "layer", amd64)
	again, _ := built(t, "two", "layer", amd64)
	other, inOther := built(t, "one", "other", amd64)
	onArm, inArm := built(t, "one", "layer", arm64)
	write := func(all ...image.Found) string {
		t.Helper()
		l := open(t, name, true)
		for _, f := range all {
			if err := l.Check(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Save(ctx, s); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(string(text), heading+"version: 1\nimages:\n  x.io/pkg:1:\n    contents:\n")
	}
	line := func(p string, d digest.Digest) string { return "      " + p + ": " + d.String() + "\n" }
	if got, want := write(first, again), line("linux/amd64", inFirst); got != want {
		t.Fatalf("the file says %q, want %q", got, want)
	}

	changing := open(t, name, true)
	if err := changing.Check(ctx, first); err != nil {
		t.Fatal(err)
	}
	if err := changing.Check(ctx, other); err == nil || !strings.Contains(err.Error(), "changed during the build") {
		t.Errorf("a package that changes: %v", err)
	}

	l := open(t, name, false)
	if d, err := l.Pin(first.Ref); d != "" || err != nil {
		t.Errorf("Pin = %q, %v", d, err)
	}
	pulled := again
	pulled.Built = false
	for what, c := range map[string]struct {
		f   image.Found
		err error
	}{
		"the same": {first, nil}, "of another commit": {again, nil}, "from a registry": {pulled, nil},
		"another": {other, ErrMismatch}, "another platform": {onArm, ErrNotLocked},
	} {
		if err := l.Check(ctx, c.f); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", what, err, c.err)
		}
	}

	if got, want := write(onArm), line("linux/amd64", inFirst)+line("linux/arm64", inArm); got != want {
		t.Errorf("with another platform the file says %q, want %q", got, want)
	}
	// What else was locked was of the package as it was.
	if got, want := write(other), line("linux/amd64", inOther); got != want {
		t.Errorf("with another image the file says %q, want %q", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("version: 1\nimages:\n  x.io/a:1:\n    digest: " + digest.FromString("a").String() + "\n    platforms: {linux/amd64: " + digest.FromString("b").String() + "}\n"))
	f.Add([]byte("version: 1\nimages: {}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := decode(data)
		if err != nil {
			return
		}
		again, err := decode(all.encode())
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, all.encode())
		}
		if string(again.encode()) != string(all.encode()) {
			t.Errorf("%s becomes %s", all.encode(), again.encode())
		}
	})
}
