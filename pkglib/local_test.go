package pkglib

import (
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestLocal(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{}
	layered(r)
	r.write("pkg/fixed/build.yml", "image: fixed\ntag: v1\nlayers: [files: rootfs]\n")
	r.commit()
	t.Setenv("LINUXKIT_PKG_ORG", "other")
	l := NewLocal(WithBuildStore(s), f.option())
	ref, err := l.Package(t.Context(), r.path("pkg/foo"))
	if want := "docker.io/linuxkit/foo:" + r.tree("pkg/foo"); err != nil || ref != want {
		t.Fatalf("%s, %v; want %s", ref, err, want)
	}
	if fixed, err := l.Package(t.Context(), r.path("pkg/fixed")); err != nil || fixed != "docker.io/linuxkit/fixed:v1" {
		t.Errorf("%s, %v", fixed, err)
	}
	if _, err := l.Package(t.Context(), r.path("pkg/nosuch")); err == nil {
		t.Error("a missing package has a name")
	}
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	if known, err := l.Build(t.Context(), "docker.io/linuxkit/other:x", amd64); known || err != nil {
		t.Errorf("unknown package: %v, %v", known, err)
	}
	if known, err := l.Build(t.Context(), "linuxkit/foo:"+r.tree("pkg/foo"), amd64); !known || err != nil {
		t.Errorf("known package: %v, %v", known, err)
	}
	if got := arches(t, s, ref); got != "amd64" {
		t.Errorf("index has %s", got)
	}
}

func TestLocalBuildsOnce(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{gate: make(chan struct{})}
	layered(r)
	l := NewLocal(WithBuildStore(s), WithBuildForce(), f.option())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ref, err := l.Package(t.Context(), r.path("pkg/foo"))
			if err != nil {
				t.Error(err)
				return
			}
			platform := ocispec.Platform{OS: "linux", Architecture: []string{"amd64", "arm64"}[i%2]}
			if known, err := l.Build(t.Context(), ref, platform); !known || err != nil {
				t.Error(known, err)
			}
		})
	}
	close(f.gate)
	wg.Wait()
	if f.made.Load() != 2 {
		t.Errorf("made %d images: %v", f.made.Load(), f.asked)
	}
}

func TestLocalFailure(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{fail: "amd64"}
	layered(r)
	l := NewLocal(WithBuildStore(s), f.option())
	ref, err := l.Package(t.Context(), r.path("pkg/foo"))
	if err != nil {
		t.Fatal(err)
	}
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	if known, err := l.Build(t.Context(), ref, amd64); !known || err == nil {
		t.Errorf("%v, %v", known, err)
	}
	f.fail = ""
	if _, err := l.Build(t.Context(), ref, amd64); err != nil {
		t.Errorf("a failure is remembered: %v", err)
	}
}
