package pkglib

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/reference"
)

func TestRegistryFirst(t *testing.T) {
	_, p := dockered(t)
	ref := p.FullTag()
	remote := &fakeRemote{has: map[string][]string{ref: {"arm64"}}}
	f := &fakeRunner{}
	got, err := output(t, p, WithBuildStore(newStore(t)), WithBuildDocker(f), WithBuildRemote(remote))
	want := ref + " amd64 not found in local cache, checking registry\n" + ref + " amd64 not found, will build\n" +
		ref + " arm64 not found in local cache, checking registry\n" + ref + " arm64 found on registry\nbuilding " + ref + " for arches: amd64\n"
	if err != nil || !strings.Contains(got, want) || len(f.builds) != 1 {
		t.Errorf("%v, %d builds, output %q\nwant %q", err, len(f.builds), got, want)
	}
	got, err = output(t, p, WithBuildStore(newStore(t)), WithBuildDocker(f), WithBuildRemote(remote), WithBuildPull(), WithBuildPlatforms("linux/amd64"))
	want = ref + " amd64 not found in local cache, trying to pull\n" + ref + " pulled\n"
	if err != nil || !strings.Contains(got, want) || len(f.builds) != 1 {
		t.Errorf("pull: %v, %d builds, output %q\nwant %q", err, len(f.builds), got, want)
	}
	remote.pull = errors.New("gone")
	if got, err = output(t, p, WithBuildStore(newStore(t)), WithBuildDocker(f), WithBuildRemote(remote), WithBuildPull(), WithBuildPlatforms("linux/amd64")); err != nil || !strings.Contains(got, "not found, will build: gone") {
		t.Errorf("failed pull: %q, %v", got, err)
	}
}

func TestPush(t *testing.T) {
	r, p := dockered(t)
	s, f, remote := newStore(t), &fakeRunner{}, &fakeRemote{}
	push := []BuildOpt{WithBuildStore(s), WithBuildDocker(f), WithBuildRemote(remote), WithBuildPush()}
	got, err := output(t, p, append(push, WithBuildSkip())...)
	if err != nil || !strings.Contains(got, "No new platforms to push, skipping.") || len(remote.pushed) > 0 {
		t.Errorf("nothing to push: %q, %v", got, err)
	}
	r.git("tag", "v9")
	r.git("tag", "pkg-v1.2.3")
	r.git("tag", "pkg-vnonsense")
	if got, err = output(t, p, append(push, WithBuildManifest())...); err != nil {
		t.Fatal(err)
	}
	full, release := p.FullTag(), reference.Expand("linuxkit/foo:v1.2.3")
	want := []string{full + " as " + full + ", arches true, override true", release + " as " + release + ", arches true, override false"}
	if !slices.Equal(remote.pushed, want) || !strings.Contains(got, `Build, push and release of "v1.2.3" complete, all done.`) {
		t.Errorf("pushed %q, want %q; output %q", remote.pushed, want, got)
	}
	if a, b := must(s.Resolve(t.Context(), full)), must(s.Resolve(t.Context(), release)); a.Digest != b.Digest {
		t.Error("the release is another image")
	}
	r.git("tag", "-d", "pkg-v1.2.3")
	if got, err = output(t, p, append(push, WithRelease("r1"), WithBuildTargetDockerCache(), WithBuildPlatforms("linux/"+hostPlatform.Architecture))...); err != nil {
		t.Fatal(err)
	}
	arch, name := "-"+hostPlatform.Architecture, reference.Expand("linuxkit/foo:r1")
	calls := []string{"load true", "tag " + full + arch + " " + full, "tag " + full + arch + " " + name + arch, "tag " + full + arch + " " + name}
	if !slices.Equal(f.calls, calls) {
		t.Errorf("calls %q, want %q; output %q", f.calls, calls, got)
	}
	r.write("pkg/foo/new", "x")
	dirtied := r.load(defaults, "pkg/foo")
	if _, err = output(t, dirtied, push...); !errors.Is(err, ErrDirty) || !strings.Contains(err.Error(), "build complete, refusing to push dirty package") {
		t.Errorf("dirty: %v", err)
	}
	if _, err = output(t, p, WithBuildStore(s), WithRelease("r")); err == nil || !strings.Contains(err.Error(), `cannot release "r" if not pushing`) {
		t.Errorf("release without push: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestIndex(t *testing.T) {
	_, p := dockered(t)
	remote := &fakeRemote{}
	if err := p.Index(t.Context(), WithBuildRemote(remote), WithRelease("r1")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"assemble " + p.FullTag(), "assemble docker.io/linuxkit/foo:r1"}; !slices.Equal(remote.pushed, want) {
		t.Errorf("pushed %q, want %q", remote.pushed, want)
	}
}

func TestCreate(t *testing.T) {
	r := newTestRepo(t)
	for _, kind := range Kinds() {
		dir := r.path("pkg/new-" + kind)
		if err := Create(dir, kind, ""); err != nil {
			t.Fatal(err)
		}
		if err := Create(dir, kind, ""); err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("%s again: %v", kind, err)
		}
		r.commit()
		p := r.load(defaults, "pkg/new-"+kind)
		if p.Image() != "linuxkit/new-"+kind {
			t.Errorf("image %s", p.Image())
		}
		if err := p.checkBuild(&buildOpts{}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, c := range []struct{ kind, name string }{{"nosuch", ""}, {"go", "Upper"}} {
		if err := Create(r.path("x"), c.kind, c.name); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
