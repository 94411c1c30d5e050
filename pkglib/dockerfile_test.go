package pkglib

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestBuildDockerfile(t *testing.T) {
	r, p := dockered(t)
	s, f := newStore(t), &fakeRunner{padded: true}
	if _, err := output(t, p, WithBuildStore(s), WithBuildDocker(f), WithBuildArgs([]string{"A=1"})); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{p.FullTag() + "-amd64", p.FullTag() + "-arm64"} {
		if list, err := children(t.Context(), s, name); err != nil || len(list) != 2 {
			t.Errorf("%s has %v, %v", name, list, err)
		}
	}
	before, err := children(t.Context(), s, p.FullTag())
	if err != nil || len(before) != 4 {
		t.Fatalf("index %v, %v", before, err)
	}
	i := slices.IndexFunc(f.builds, func(o ImageBuildOptions) bool { return o.Platform.Architecture == "arm64" })
	o := f.builds[i]
	if o.Tag != p.FullTag()+"-arm64" || o.Dir != r.path("pkg/foo") || o.NetworkMode != "none" || o.BuildArgs["A"] != "1" || o.SBOMScanner != "false" {
		t.Errorf("request %+v", o)
	}
	if d := cmp.Diff([]ExtraSource{{r.path("lib"), "/lib"}}, o.ExtraSources); d != "" {
		t.Error(d)
	}
	if _, err := output(t, p, WithBuildStore(s), WithBuildDocker(f), WithBuildForce(), WithBuildPlatforms("linux/amd64")); err != nil {
		t.Fatal(err)
	}
	after, err := children(t.Context(), s, p.FullTag())
	if err != nil || len(after) != 4 || slices.ContainsFunc(after, func(d ocispec.Descriptor) bool { return d.Digest == before[0].Digest }) {
		t.Errorf("after a second build: %v, %v", after, err)
	}
}

func TestBuildResults(t *testing.T) {
	_, p := dockered(t)
	for name, c := range map[string]struct {
		runner *fakeRunner
		want   string
	}{
		"bare manifest": {&fakeRunner{bare: true}, ""},
		"no entry":      {&fakeRunner{none: true}, "no index descriptor returned from load"},
		"two entries":   {&fakeRunner{twice: true}, "more than one index descriptor returned from load"},
		"no image":      {&fakeRunner{empty: true}, "no valid descriptor returned for image for arch amd64"},
		"second fails":  {&fakeRunner{fail: "arm64"}, "error building for arch arm64: no luck"},
		"builder lost":  {&fakeRunner{lost: 2}, ""},
		"all are lost":  {&fakeRunner{lost: 1000}, ErrBuilderLost.Error()},
	} {
		s := newStore(t)
		opts := []BuildOpt{WithBuildStore(s), WithBuildDocker(c.runner)}
		if c.runner.fail == "" {
			opts = append(opts, WithBuildPlatforms("linux/amd64"))
		}
		_, err := output(t, p, opts...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		names, listErr := s.List(t.Context())
		if listErr != nil || (len(names) > 0) != (c.want == "") {
			t.Errorf("%s: the cache has %v, %v", name, names, listErr)
		}
	}
}

func TestDryRun(t *testing.T) {
	r, p := dockered(t)
	s := newStore(t)
	remote := &fakeRemote{}
	got, err := output(t, p, WithBuildStore(s), WithDryRun(), WithBuildForce(), WithBuildPlatforms("linux/amd64"), WithBuildPush(), WithBuildRemote(remote))
	if err != nil {
		t.Fatal(err)
	}
	head, dir := r.git("rev-parse", "HEAD"), r.path("pkg/foo")
	want := "docker buildx build --platform linux/amd64 -t " + p.FullTag() + "-amd64 -f " + dir + "/Dockerfile" +
		" --build-arg=GOPKGVERSION=v0.0.0-20260102030405-" + head[:12] + " --build-arg=PKG_HASH=" + p.Hash() + " --build-arg=PKG_IMAGE=linuxkit/foo --build-arg=REVISION=" + head +
		" --build-arg=SOURCE=https://github.com/linuxkit/linuxkit" +
		" --label=org.mobyproject.linuxkit.revision=unknown --label=org.mobyproject.linuxkit.version=unknown --label=org.opencontainers.image.revision=" + head +
		" --label=org.opencontainers.image.source=https://github.com/linuxkit/linuxkit --network=none " + dir + "\n"
	if !strings.Contains(got, want) {
		t.Errorf("output %q\nwant %q", got, want)
	}
	if _, err := os.Stat(s.Dir() + "/index.json"); err == nil || len(remote.pushed) > 0 {
		t.Errorf("a dry run has written: %v, %v", err, remote.pushed)
	}
	remote.has = map[string][]string{p.FullTag(): {"arm64"}}
	got, err = output(t, p, WithBuildStore(s), WithDryRun(), WithBuildPull(), WithBuildRemote(remote))
	if err != nil || len(remote.pulled) > 0 || !strings.Contains(got, "arm64 found on registry") || !strings.Contains(got, "amd64 not found, will build\n") {
		t.Errorf("a dry run that would pull has pulled %q, %v: %q", remote.pulled, err, got)
	}
	layered(r)
	if got, err = output(t, r.load(defaults, "pkg/foo"), WithBuildStore(s), WithDryRun()); err != nil || !strings.Contains(got, "make 1 layers of "+dir+" for linux/amd64") {
		t.Errorf("layers: %q, %v", got, err)
	}
}

func TestDependsFetched(t *testing.T) {
	const image = "docker.io/library/nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	for target, want := range map[string][]string{
		"target: deps.tar": {"pull " + image + " linux/arm64", "save DIR/deps.tar " + image},
		"target-dir: deps": {"pull " + image + " linux/arm64", "save DIR/deps/" + image[len("docker.io/library/"):] + ".tar " + image},
	} {
		r, _ := dockered(t)
		r.write("pkg/foo/build.yml", "image: foo\ndepends: {docker-images: {list: [\""+image+"\"], "+target+"}}\n")
		f := &fakeRunner{}
		out, err := output(t, r.load(defaults, "pkg/foo"), WithBuildStore(newStore(t)), WithBuildDocker(f), WithBuildPlatforms("linux/arm64"))
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "DIR", r.path("pkg/foo"))
		}
		if err != nil || !slices.Equal(f.calls, want) {
			t.Errorf("%s: %q, %v; want %q", target, f.calls, err, want)
		}
		if strings.HasPrefix(target, "target-dir") != strings.Contains(out, "Adding \"nginx@sha256:0") {
			t.Errorf("%s: output %q", target, out)
		}
	}
	r, _ := dockered(t)
	r.write("pkg/foo/build.yml", "image: foo\ndepends: {docker-images: {list: [\""+image+"\"]}}\n")
	if _, err := output(t, r.load(defaults, "pkg/foo"), WithBuildStore(newStore(t)), WithBuildDocker(&fakeRunner{}), WithBuildPlatforms("linux/arm64")); err == nil {
		t.Error("images without target were accepted")
	}
}

func TestDependencies(t *testing.T) {
	r := newTestRepo(t)
	r.write("pkg/base/build.yml", "image: base\nlayers: [files: x]\n")
	r.write("pkg/mid/build.yml", "image: mid\ntag: m\n")
	r.write("pkg/mid/Dockerfile", "ARG PKG_HASH\nFROM linuxkit/top:none\n")
	r.write("pkg/top/build.yml", "image: top\nbuildArgs: [\"B=@lkt:pkg:../base\"]\n")
	r.write("pkg/top/Dockerfile", "ARG B\nFROM $B\nFROM linuxkit/mid:m\n")
	r.write("pkg/loop/build.yml", "image: loop\ntag: l\n")
	r.write("pkg/loop/Dockerfile", "FROM linuxkit/pool:p\n")
	r.write("pkg/pool/build.yml", "image: pool\ntag: p\n")
	r.write("pkg/pool/Dockerfile", "FROM linuxkit/loop:l\n")
	for _, name := range []string{"arg1", "arg2", "arg3"} {
		r.write("pkg/"+name+"/build.yml", "image: "+name+"\nbuildArgs: [\"P_%=@lkt:pkgs:../arg*\"]\n")
		r.write("pkg/"+name+"/Dockerfile", "FROM scratch\n")
	}
	r.write("pkg/arg1/Dockerfile", "ARG P_LINUXKIT_ARG3\nFROM $P_LINUXKIT_ARG3\n")
	r.commit()
	load := func(names ...string) []Pkg {
		var pkgs []Pkg
		for _, n := range names {
			p := r.load(defaults, n)
			if err := p.ProcessBuildArgs(t.Context()); err != nil {
				t.Fatal(err)
			}
			pkgs = append(pkgs, p)
		}
		return pkgs
	}
	got, err := Dependencies(t.Context(), load("pkg/top", "pkg/mid", "pkg/base"))
	if d := cmp.Diff([][]int{{2, 1}, nil, nil}, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	if _, err := Dependencies(t.Context(), load("pkg/loop", "pkg/pool")); err == nil || !strings.Contains(err.Error(), "linuxkit/loop:l needs linuxkit/pool:p needs linuxkit/loop:l") {
		t.Errorf("packages that need each other: %v", err)
	}
	got, err = Dependencies(t.Context(), load("pkg/arg1", "pkg/arg2", "pkg/arg3"))
	if d := cmp.Diff([][]int{{2, 1}, {2}, nil}, got); err != nil || d != "" {
		t.Errorf("arguments that name each other: %v\n%s", err, d)
	}
}

func TestPrefix(t *testing.T) {
	var b strings.Builder
	w := &prefixWriter{w: &b, prefix: "> "}
	for _, part := range []string{"a\nb", "c\n\n", "rest"} {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if b.String() != "> a\n> bc\n" {
		t.Errorf("%q", b.String())
	}
}

func TestBuiltinScanner(t *testing.T) {
	_, p := dockered(t)
	for _, f := range []*fakeRunner{{}, {bare: true}} {
		s := newStore(t)
		if _, err := output(t, p, WithBuildStore(s), WithBuildDocker(f), WithBuildSbomScanner(BuiltinScanner), WithBuildPlatforms("linux/arm64")); err != nil {
			t.Fatal(err)
		}
		if got := f.builds[0].SBOMScanner; got != "false" {
			t.Errorf("BuildKit is told to scan with %q", got)
		}
		img, err := cached(t.Context(), s, p.FullTag(), ocispec.Platform{OS: "linux", Architecture: "arm64"})
		if err != nil {
			t.Fatal(err)
		}
		if bills, err := img.SBOMs(t.Context()); err != nil || len(bills) != 1 {
			t.Errorf("bare %v: %d bills, %v", f.bare, len(bills), err)
		}
	}
}
