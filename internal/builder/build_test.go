package builder

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"rootfs/etc/a": "text", "rootfs/bin/run*": "#!", "rootfs/etc/passwd": "->../../../../etc/passwd",
		"rootfs/etc-x": "", "more/etc/b": "b", "more/new/c": "c",
	})
	r := Recipe{
		Dir: dir, Layers: []Layer{{Files: &Files{"rootfs"}}, {Files: &Files{"more"}}},
		Entrypoint: []string{"/bin/run"}, Cmd: []string{"x"}, Env: []string{"A=b"}, WorkingDir: "/w", User: "1", Labels: map[string]string{"l": "v"},
	}
	b := mustBuild(t, newStore(t), r, ocispec.Platform{OS: "linux", Architecture: "arm64"})
	want := map[string]string{
		"bin/": "5 755 ", "bin/run": "0 755 #!", "etc/": "5 755 ", "etc/a": "0 644 text",
		"etc/passwd": "2 777 ../../../../etc/passwd", "etc-x": "0 644 ",
	}
	if !maps.Equal(b.layers[0], want) {
		t.Errorf("first layer %v, want %v", b.layers[0], want)
	}
	if want := map[string]string{"etc/b": "0 644 b", "new/": "5 755 ", "new/c": "0 644 c"}; !maps.Equal(b.layers[1], want) {
		t.Errorf("second layer %v, want %v", b.layers[1], want)
	}
	if !slices.IsSortedFunc(b.order[0], func(a, b string) int { return strings.Compare(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/")) }) {
		t.Errorf("order %v", b.order[0])
	}
	c := b.image.Config
	if c.Entrypoint[0] != "/bin/run" || c.Cmd[0] != "x" || c.Env[0] != "A=b" || c.WorkingDir != "/w" || c.User != "1" || c.Labels["l"] != "v" {
		t.Errorf("configuration %+v", c)
	}
	if b.image.Architecture != "arm64" || b.image.OS != "linux" || b.desc.Platform.Architecture != "arm64" || b.image.Created.Unix() != defaultEpoch || len(b.image.History) != 2 {
		t.Errorf("image %+v, descriptor %+v", b.image, b.desc)
	}
}

func TestSourceDateEpoch(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"rootfs/a": "x"})
	r := Recipe{Dir: dir, Layers: []Layer{{Files: &Files{"rootfs"}}}}
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	s := newStore(t)
	descs, err := Build(context.Background(), s, r, hostPlatform)
	if err != nil {
		t.Fatal(err)
	}
	var b built
	readJSON(t, s, descs[0], &b.manifest)
	readJSON(t, s, b.manifest.Config, &b.image)
	if b.image.Created.Unix() != 86400 {
		t.Errorf("created %v", b.image.Created)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "today")
	if _, err := Build(context.Background(), s, r, hostPlatform); err == nil {
		t.Error("a bad time was accepted")
	}
}

func TestBadRecipes(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"file": "x", "link": "->/etc", "up": "->.."})
	for name, l := range map[string][]Layer{
		"no layers":       nil,
		"empty layer":     {{}},
		"two kinds":       {{Files: &Files{"a"}, Go: &Go{Path: "/a"}}},
		"no directory":    {{Files: &Files{}}},
		"missing":         {{Files: &Files{"absent"}}},
		"a file":          {{Files: &Files{"file"}}},
		"outside":         {{Files: &Files{"../"}}},
		"link outside":    {{Files: &Files{"link"}}},
		"link up":         {{Files: &Files{"up"}}},
		"absolute":        {{Files: &Files{"/etc"}}},
		"relative path":   {{Go: &Go{Path: "a"}}},
		"root path":       {{Go: &Go{Path: "/"}}},
		"flag as package": {{Go: &Go{Path: "/a", Package: "-toolexec=x"}}},
		"no packages":     {{Debian: &Debian{}}},
		"bad package":     {{Debian: &Debian{Packages: []string{"-o=x"}}}},
		"bad component":   {{Debian: &Debian{Packages: []string{"ab"}, Components: []string{"main restricted"}}}},
		"bad pattern":     {{Debian: &Debian{Packages: []string{"ab"}, Exclude: []string{"["}}}},
		"no lock":         {{Debian: &Debian{Packages: []string{"ab"}}}},
		"kernel tar path": {{Kernel: &Kernel{Packages: map[string]string{"amd64": "ab"}, Tars: map[string][]string{"../x": nil}}}},
		"kernel tar name": {{Kernel: &Kernel{Packages: map[string]string{"amd64": "ab"}, Tars: map[string][]string{"kernel": nil}}}},
	} {
		if _, err := Build(context.Background(), newStore(t), Recipe{Dir: dir, Layers: l}, hostPlatform); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	good := Recipe{Dir: dir, Layers: []Layer{{Files: &Files{"."}}}}
	if _, err := Build(context.Background(), newStore(t), good, ocispec.Platform{OS: "windows", Architecture: "amd64"}); !errors.Is(err, ErrRecipe) {
		t.Errorf("error %v, want ErrRecipe", err)
	}
}

// goPackage makes a package with a small program.
func goPackage(t testing.TB, code string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on the PATH")
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"go.mod": "module example.org/x\n\ngo 1.26\n", "cmd/x/main.go": code})
	return dir
}

const hello = "package main\n\nvar version = \"none\"\n\nfunc main() { println(\"hello\", version) }\n"

func TestGo(t *testing.T) {
	dir := goPackage(t, hello)
	t.Setenv("GOFLAGS", "-tags=poison")
	r := Recipe{Dir: dir, Layers: []Layer{{Go: &Go{Package: "./cmd/x", Path: "/usr/bin/x", Links: []string{"/usr/bin/y"}, Ldflags: "-X main.version=7"}}}}
	first := mustBuild(t, newStore(t), r, hostPlatform)
	if got := first.layers[0]["usr/bin/y"]; got != "2 777 /usr/bin/x" {
		t.Errorf("link is %q", got)
	}
	if out := run(t, first.layers[0]["usr/bin/x"]); out != "hello 7\n" {
		t.Errorf("the program says %q", out)
	}
	if second := mustBuild(t, newStore(t), r, hostPlatform); second.desc.Digest != first.desc.Digest {
		t.Error("the same inputs gave another image")
	}
}

// run runs a file of a layer.
func run(t *testing.T, entry string) string {
	t.Helper()
	_, binary, _ := strings.Cut(entry, "0 755 ")
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte(binary), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(file).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestCgo(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
	dir := goPackage(t, "package main\n\n// static int seven(void) { return 7; }\nimport \"C\"\n\nfunc main() { println(C.seven()) }\n")
	r := Recipe{Dir: dir, Layers: []Layer{{Go: &Go{Package: "./cmd/x", Path: "/x", Cgo: true}}}}
	b := mustBuild(t, newStore(t), r, hostPlatform)
	if out := run(t, b.layers[0]["x"]); out != "7\n" {
		t.Errorf("the program says %q", out)
	}
	r.Layers[0].Go.Ldflags = "-extldflags=-dynamic"
	if _, err := Build(context.Background(), newStore(t), r, hostPlatform); err == nil || !strings.Contains(err.Error(), "dynamic loader") {
		t.Errorf("error %v, want one about the loader", err)
	}
}

func TestGoErrors(t *testing.T) {
	dir := goPackage(t, "package main\n\nfunc main() { undefinedThing() }\n")
	build := func(g Go) string {
		_, err := Build(context.Background(), newStore(t), Recipe{Dir: dir, Layers: []Layer{{Go: &g}}}, hostPlatform)
		if err == nil {
			t.Fatal("no error")
		}
		return err.Error()
	}
	if msg := build(Go{Package: "./cmd/x", Path: "/x"}); !strings.Contains(msg, "undefined: undefinedThing") {
		t.Errorf("error %q does not show what the compiler says", msg)
	}
	t.Setenv("PATH", t.TempDir())
	if msg := build(Go{Package: "./cmd/x", Path: "/x"}); !strings.Contains(msg, "install Go") {
		t.Errorf("error %q does not say that go is missing", msg)
	}
	if _, err := compiler("riscv64"); err == nil || !strings.Contains(err.Error(), "gcc-riscv64-linux-gnu") {
		t.Errorf("error %v does not name the package", err)
	}
}

func TestCheckStaticMachine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkStatic(self, "s390x"); err == nil || !strings.Contains(err.Error(), "instead of EM_S390") {
		t.Errorf("error %v", err)
	}
}
