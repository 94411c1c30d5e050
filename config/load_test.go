package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes files in a new directory and returns their paths in order.
func write(t *testing.T, docs ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, doc := range docs {
		path := filepath.Join(dir, fmt.Sprintf("%d.yml", i))
		if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestLoadMerges(t *testing.T) {
	c, err := Load(t.Context(), write(t,
		"kernel: {image: k, cmdline: a, tar: none}\ninit: [a]\nvolumes: [{name: v1}]\nonboot: [{name: x, image: b, binds: [\"v1:/v\"]}]",
		"kernel: {cmdline: b, ucode: u}\ninit: [b]\nvolumes: [{name: v2}]\nservices: [{name: x, image: b, uid: x}]\nfiles: [{path: f, contents: c, uid: x}]",
	), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if k := c.Kernel; k.Image != "k" || k.Cmdline != "b" || *k.Tar != "none" || *k.UCode != "u" || k.At("cmdline").Column != 19 {
		t.Errorf("kernel is %+v", k)
	}
	if diff := cmp.Diff([]string{"a", "b"}, c.Init); diff != "" {
		t.Error(diff)
	}
	if len(c.Volumes) != 2 || len(c.Onboot) != 1 || len(c.Services) != 1 || len(c.Files) != 1 {
		t.Errorf("entries are missing: %+v", c)
	}
	if pos := c.Fields["init.1"]; pos.Line != 2 || filepath.Base(pos.File) != "1.yml" {
		t.Errorf("init.1 is at %s", pos)
	}
}

func TestLoadFaultsOverFiles(t *testing.T) {
	paths := write(t, "services: [{name: a, image: b}]\nvolumes: [{name: v}]", "services: [{name: a, image: Foo}]\nvolumes: [{name: v}]")
	_, err := Load(t.Context(), paths, LoadOptions{})
	want := fmt.Sprintf(`%[2]s:1:19: services.1.name: cannot append config files: duplicate service "a", already at %[1]s:1:12; rename one of them
%[2]s:1:29: services.1.image: image "Foo": repository name (library/Foo) must be lowercase; want [host/]repository[:tag][@digest]
%[2]s:2:18: volumes.1.name: duplicate volume "v", already at %[1]s:2:11; rename one of them`, paths[0], paths[1])
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	paths = write(t, "foo: 1", "bar: 1")
	if _, err = Load(t.Context(), paths, LoadOptions{}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want the faults of both files, got %v", err)
	}
}

func TestLoadSources(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ok.yml" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "init: [b]")
	}))
	defer srv.Close()
	c, err := Load(t.Context(), []string{"-", srv.URL + "/ok.yml"}, LoadOptions{Stdin: strings.NewReader("init: [a]")})
	if err != nil || !slices.Equal(c.Init, []string{"a", "b"}) {
		t.Errorf("%v, %v", c, err)
	}
	for arg, want := range map[string]string{
		srv.URL + "/no.yml":                      srv.URL + "/no.yml: the server answered 404 Not Found",
		"http://127.0.0.1:1/x":                   "cannot fetch configuration: Get \"http://127.0.0.1:1/x\"",
		"http://127.0.0.1:1/%zz":                 "cannot fetch http://127.0.0.1:1/%zz",
		"-":                                      "stdin:1:1: the document is empty",
		filepath.Join(t.TempDir(), "nosuch.yml"): "nosuch.yml: no such file",
		t.TempDir():                              "is a directory",
	} {
		if _, err := Load(t.Context(), []string{arg}, LoadOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", arg, err, want)
		}
	}
	if _, err := Load(t.Context(), nil, LoadOptions{}); err == nil {
		t.Error("no argument: no error")
	}
	endless := LoadOptions{Stdin: zeroes{}}
	if _, err := Load(t.Context(), []string{"-"}, endless); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("endless input: %v", err)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }

func TestTrustWarns(t *testing.T) {
	var warning string
	opts := LoadOptions{Stdin: strings.NewReader("init: [a]\ntrust: {org: [linuxkit]}"), Warn: func(msg string) { warning = msg }}
	if _, err := Load(t.Context(), []string{"-"}, opts); err != nil {
		t.Fatal(err)
	}
	if want := "stdin:2:8: trust: the section has no effect; remove it"; warning != want {
		t.Errorf("warning is %q, want %q", warning, want)
	}
}

// packages records what is asked of it.
type packages struct {
	sync.Mutex
	dirs []string
}

func (p *packages) find(_ context.Context, dir string) (string, error) {
	p.Lock()
	defer p.Unlock()
	p.dirs = append(p.dirs, dir)
	if strings.Contains(dir, "missing") {
		return "", errors.New("no build.yml in it")
	}
	return "docker.io/linuxkit/" + filepath.Base(dir) + ":abc", nil
}

func TestTemplates(t *testing.T) {
	paths := write(t, `kernel: {image: "@pkg:../k"}
init: ["@pkg:a", "@pkg:./a/", "@pkg:/abs/b", plain]
onboot: [{name: o, image: "@pkg:a"}]
services: [{name: s, image: "@pkg:c", command: ["@pkg:a"], annotations: {"@x": "@y"}}]
volumes: [{name: v, image: "@pkg:d"}, {name: w}]
files: [{path: f, contents: "@hello"}]`)
	dir := filepath.Dir(paths[0])
	var p packages
	c, err := Load(t.Context(), paths, LoadOptions{Package: p.find})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range c.imageFields() {
		got = append(got, strings.TrimSuffix(strings.TrimPrefix(*f.ref, "docker.io/linuxkit/"), ":abc"))
	}
	if want := []string{"k", "a", "a", "b", "plain", "d", "", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("images are %q, want %q", got, want)
	}
	slices.Sort(p.dirs)
	want := []string{"/abs/b", dir + "/a", dir + "/c", dir + "/d", filepath.Dir(dir) + "/k"}
	if slices.Sort(want); !slices.Equal(p.dirs, want) {
		t.Errorf("asked for %q, want %q", p.dirs, want)
	}
	if s := c.Services[0]; (*s.Command)[0] != "@pkg:a" || (*s.Annotations)["@x"] != "@y" || *c.Files[0].Contents != "@hello" {
		t.Error("a template was resolved outside an image field")
	}
}

func TestTemplateFaults(t *testing.T) {
	var p packages
	for doc, want := range map[string]string{
		`init: ["@pkg:missing", "@pkg:a", "@pkg:b/missing"]`: "0.yml:1:8: init.0: package not found at DIR/missing: no build.yml in it\n" +
			"DIR/0.yml:1:34: init.2: package not found at DIR/b/missing: no build.yml in it",
		`init: ["@foo:bar"]`: `0.yml:1:8: init.0: unknown template "@foo:bar"; the only one is @pkg:<directory>`,
		`init: ["@pkg:"]`:    `0.yml:1:8: init.0: template "@pkg:" names no directory`,
		`init: ["@pkg:UP"]`:  "package not found at DIR/UP: image",
	} {
		paths := write(t, doc)
		want = strings.ReplaceAll(want, "DIR", filepath.Dir(paths[0]))
		if _, err := Load(t.Context(), paths, LoadOptions{Package: p.find}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", doc, err, want)
		}
	}
	// Only local files may have templates, also beside one.
	paths := append(write(t, `init: ["@pkg:a"]`), "-")
	opts := LoadOptions{Stdin: strings.NewReader(`init: ["@pkg:a"]`), Package: p.find}
	_, err := Load(t.Context(), paths, opts)
	if err == nil || !strings.Contains(err.Error(), `stdin:1:8: init.0: template "@pkg:a" needs a local file`) {
		t.Errorf("standard input: %v", err)
	}
	if _, err := Load(t.Context(), paths[:1], LoadOptions{}); err == nil || !strings.Contains(err.Error(), "cannot be resolved here") {
		t.Errorf("no Package: %v", err)
	}
	// Faults that need no package come before any is looked for.
	p.dirs = nil
	if _, err := Load(t.Context(), write(t, `init: ["@pkg:a", Foo]`), LoadOptions{Package: p.find}); err == nil || p.dirs != nil {
		t.Errorf("%v, after asking for %q", err, p.dirs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, paths[:1], LoadOptions{Package: p.find}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestIDs(t *testing.T) {
	c, err := check("onboot: [{name: a, image: i}]\nonshutdown: [{name: a, image: i}]\nservices: [{name: a, image: i}, {name: b, image: i}, {name: root, image: i}]")
	if err != nil {
		t.Fatal(err)
	}
	ids := c.IDs()
	for id, want := range map[ID]uint32{{Name: "a"}: 102, {Name: "b"}: 103, {Name: "root"}: 0, {}: 0, {Number: 7, IsNumber: true}: 7} {
		if got, err := ids(id); err != nil || got != want {
			t.Errorf("%+v is %d, %v, want %d", id, got, err, want)
		}
	}
	if n, err := ids(ID{Name: "nope"}); err == nil {
		t.Errorf("nope is %d", n)
	}
}

func TestResolveVolumes(t *testing.T) {
	c, err := check("volumes: [{name: v}, {name: ro, readonly: true}]\nservices: [{name: a, image: b, binds: [\"v:/x\", \"/v:/y:ro\", \"ro:/z:ro\"], binds.add: [\"v:/x:\"], mounts: [{type: bind, source: v, destination: /m}, {type: tmpfs, source: v, destination: /t}]}]")
	if err != nil {
		t.Fatal(err)
	}
	own := c.Services[0].ImageConfig
	got, err := c.ResolveVolumes(own)
	if err != nil {
		t.Fatal(err)
	}
	want := own
	want.Binds = &[]string{"/containers/volumes/v/merged:/x", "/v:/y:ro", "/containers/volumes/ro/merged:/z:ro"}
	want.BindsAdd = &[]string{"/containers/volumes/v/merged:/x:"}
	want.Mounts = &[]Mount{
		{Type: "bind", Source: "/containers/volumes/v/merged", Destination: "/m"}, {Type: "tmpfs", Source: "v", Destination: "/t"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if (*own.Mounts)[0].Source != "v" || (*own.Binds)[0] != "v:/x" {
		t.Error("ResolveVolumes changed its argument")
	}
	if _, err := c.ResolveVolumes(ImageConfig{Binds: &[]string{"nope:/x"}}); !errors.Is(err, ErrNoVolume) {
		t.Errorf("nope: %v", err)
	}
}

func TestDefaultSystemLoads(t *testing.T) {
	var p packages
	c, err := Load(t.Context(), []string{"../linuxkit.yml"}, LoadOptions{Package: p.find})
	if err != nil {
		t.Fatal(err)
	}
	if c.Kernel.Image == "" || len(c.Init) == 0 || len(c.Services) == 0 || len(p.dirs) == 0 {
		t.Errorf("the default system lacks a part: %+v", c)
	}
	checkRoundTrip(t, c)
}
