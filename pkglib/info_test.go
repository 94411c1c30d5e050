package pkglib

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/builder"
)

func TestParseInfo(t *testing.T) {
	got, err := parseInfo("build.yml", []byte(`
image: 12
org: o
tag: v1
arches: [amd64]
gitrepo: ""
network: "yes"
disable-cache: on
layers:
  - files: rootfs
  - go: {package: ./cmd/x, path: /usr/bin/x}
  - debian: [a, b]
entrypoint: [/usr/bin/x]
cmd: [y, 1]
env: [A=b, C=]
workdir: /w
user: "1:2"
labels: {a: b, c: 1}
extra-sources: ["a:b"]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := PkgInfo{
		Image: "12", Org: "o", Tag: "v1", Dockerfile: "Dockerfile", Arches: []string{"amd64"}, Network: true, DisableCache: true,
		ExtraSources: []string{"a:b"}, Entrypoint: []string{"/usr/bin/x"}, Cmd: []string{"y", "1"}, Env: []string{"A=b", "C="},
		WorkingDir: "/w", User: "1:2", Labels: map[string]string{"a": "b", "c": "1"},
		layers: layerList{
			{Files: &builder.Files{Path: "rootfs"}},
			{Go: &builder.Go{Package: "./cmd/x", Path: "/usr/bin/x"}},
			{Debian: &builder.Debian{Packages: []string{"a", "b"}}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseInfoDefaults(t *testing.T) {
	for text, change := range map[string]func(*PkgInfo){
		"image: foo":                            func(*PkgInfo) {},
		"image: foo\ntag: ''\norg:\nnetwork: ~": func(*PkgInfo) {},
		"image: foo\narches: []":                func(i *PkgInfo) { i.Arches = nil },
		"image: foo\narches:":                   func(i *PkgInfo) { i.Arches = nil },
		"image: foo\nconfig:":                   func(*PkgInfo) {},
		"{\"image\": \"foo\"}":                  func(*PkgInfo) {},
		"image: foo\n---\n{{ nonsense":          func(*PkgInfo) {},
		"image: foo\nbuildArgs: [A=b]":          func(i *PkgInfo) { i.BuildArgs = []string{"A=b"} },
		"image: &a foo\norg: *a":                func(i *PkgInfo) { i.Org = "foo" },
	} {
		want := NewPkgInfo()
		want.Image = "foo"
		change(&want)
		if got, err := parseInfo("build.yml", []byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestConfigLabel(t *testing.T) {
	info, err := parseInfo("build.yml", []byte("image: foo\nconfig: {binds: [/a:/b], capabilities: [all]}"))
	if err != nil {
		t.Fatal(err)
	}
	label, err := json.Marshal(info.Config)
	if want := `{"capabilities":["all"],"binds":["/a:/b"]}`; err != nil || string(label) != want {
		t.Errorf("label %s, %v; want %s", label, err, want)
	}
}

func TestParseInfoErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                "b.yml: the file is empty",
		"# only a comment\n":                              "b.yml: the file is empty",
		"org: foo":                                        "b.yml: Image field is required",
		"null":                                            "b.yml: Image field is required",
		"image: ''":                                       "b.yml: Image field is required",
		"image: [":                                        "b.yml:2:1: did not find",
		"- image":                                         "b.yml:1:1: cannot unmarshal !!seq into a mapping",
		"image: foo\ntrust: x":                            "b.yml:2:1: field trust not found",
		"image: foo\n<<: {org: x}":                        "b.yml:2:1: field << not found",
		"image: foo\n? [a]\n: b":                          "b.yml:2:3: field ",
		"image: foo\nconfig: {bind: []}":                  "b.yml:2:10: ",
		"image: foo\nconfig: x":                           "b.yml:2:9: ",
		"image: foo\nimage: bar":                          `b.yml:2:1: mapping key "image" already defined at line 1`,
		"image: [foo]":                                    "b.yml:1:8: cannot unmarshal !!seq into string",
		"image: foo\narches: amd64":                       "b.yml:2:9: cannot unmarshal !!str `amd64` into []string",
		"image: foo\narches: [[a]]":                       "b.yml:2:10: cannot unmarshal !!seq into string",
		"image: foo\nnetwork: perhaps":                    "b.yml:2:10: cannot unmarshal !!str `perhaps` into bool",
		"image: foo\nnetwork: [yes]":                      "b.yml:2:10: cannot unmarshal !!seq into bool",
		"image: foo\ndepends: {images: x}":                "b.yml:2:11: field images not found",
		"image: foo\nlayers: []":                          "b.yml:2:1: layers is empty",
		"image: foo\nlayers:":                             "b.yml:2:1: layers is empty",
		"image: foo\nlayers: x":                           "b.yml:2:9: cannot unmarshal !!str `x` into a list of layers",
		"image: foo\nlayers: [x]":                         "b.yml:2:10: a layer is a mapping with exactly one of the keys",
		"image: foo\nlayers: [{docker: x}]":               "b.yml:2:10: a layer is a mapping with exactly one of the keys",
		"image: foo\nlayers: [{}]":                        "b.yml:2:10: a layer is a mapping with exactly one of the keys",
		"image: foo\nlayers: [{files: {a: b}}]":           "b.yml:2:19: field a not found",
		"image: foo\nlayers: [{go: [a]}]":                 "b.yml:2:",
		"image: foo\nentrypoint: [a]":                     "b.yml:2:1: entrypoint needs layers",
		"image: foo\nlayers: [files: a]\ndockerfile: D":   "b.yml:3:1: dockerfile cannot be combined with layers",
		"image: foo\nlayers: [files: a]\nbuildArgs: []":   "b.yml:3:1: buildArgs cannot be combined with layers",
		"image: foo\nlayers: [files: a]\nenv: [A]":        `b.yml:3:6: env "A" is not of the form NAME=value`,
		"image: foo\nlayers: [files: a]\nworkdir: a/b":    `b.yml:3:10: workdir "a/b" is not an absolute path`,
		"image: foo\nlayers: [files: a]\nlabels: [a]":     "b.yml:3:9: cannot unmarshal !!seq into a mapping",
		"image: foo\nlayers: [files: a]\nlabels: {a: []}": "b.yml:3:13: cannot unmarshal !!seq into string",
		"image: foo\narches: &a [*a]":                     "b.yml:2:",
		"image: foo\x00":                                  "b.yml: control characters",
		"image: \xff":                                     "b.yml: invalid",
	} {
		if _, err := parseInfo("b.yml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestHugeBuildYML(t *testing.T) {
	path := filepath.Join(t.TempDir(), "build.yml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#", maxBuildYML+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readInfo(path); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

// What is accepted has an image, a tag and one kind; what is not names the file.
func FuzzBuildYML(f *testing.F) {
	f.Add("image: foo\nconfig: {binds: [/a:/b]}\n")
	f.Add("image: foo\nlayers:\n - files: rootfs\n - go: {path: /a}\n - debian: [a]\nlabels: {a: b}\n")
	f.Add("image: foo\ndepends: {docker-images: {list: [a], target: b}}\n")
	f.Add("image: &a foo\narches: &b [*a, *b]\n<<: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		info, err := parseInfo("b.yml", []byte(text))
		switch {
		case err != nil && !strings.Contains(err.Error(), "b.yml"):
			t.Errorf("the error does not name the file: %v", err)
		case err == nil && (info.Image == "" || info.Tag == ""):
			t.Errorf("accepted %+v", info)
		case err == nil && len(info.layers) > 0 && len(info.BuildArgs) > 0:
			t.Errorf("accepted both kinds: %+v", info)
		}
	})
}
