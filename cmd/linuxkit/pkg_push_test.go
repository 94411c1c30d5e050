package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/gittest"
	"github.com/linuxkit/linuxkit/internal/registry"
	"github.com/linuxkit/linuxkit/internal/registrytest"
)

// pushTest is a repository with a package, and a registry.
type pushTest struct {
	*testing.T
	host, dir string
	client    *registry.Client
}

func newPushTest(t *testing.T) *pushTest {
	r := registrytest.Start(t, registrytest.Options{})
	p := &pushTest{T: t, host: r.Host, dir: t.TempDir()}
	for name, value := range scriptEnv(p.dir) {
		t.Setenv(name, value)
	}
	t.Setenv("LINUXKIT_PKG_ORG", r.Host+"/o")
	for name, text := range map[string]string{"foo/build.yml": "image: foo\narches: [amd64, arm64]\nlayers: [files: rootfs]\n", "foo/rootfs/a": "a"} {
		file := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gittest.InitIn(t, p.dir, "foo")
	p.newCache()
	return p
}

// newCache continues with an empty cache.
func (p *pushTest) newCache() {
	p.Helper()
	p.Setenv("LINUXKIT_CACHE", p.TempDir())
	s, err := content.Open(os.Getenv("LINUXKIT_CACHE"))
	if err == nil {
		p.client, err = registry.New(registry.Options{Store: s})
	}
	if err != nil {
		p.Fatal(err)
	}
}

// pkg runs a command and returns all that it says, with the status.
func (p *pushTest) pkg(args ...string) (string, int) {
	p.Helper()
	var out bytes.Buffer
	code := run(p.Context(), append([]string{"pkg"}, args...), strings.NewReader(""), &out, &out)
	return out.String(), code
}

func (p *pushTest) expect(want string, args ...string) {
	p.Helper()
	if out, code := p.pkg(args...); code != 0 || !strings.Contains(out, want) {
		p.Errorf("pkg %v: status %d, output %q lacks %q", args, code, out, want)
	}
}

func (p *pushTest) refuse(want string, args ...string) {
	p.Helper()
	if out, code := p.pkg(args...); code == 0 || !strings.Contains(out, want) {
		p.Errorf("pkg %v: status %d, output %q lacks %q", args, code, out, want)
	}
}

// digest is what the registry has under a name of the repository o/foo, empty
// if it has nothing.
func (p *pushTest) digest(ref string) string {
	d, err := p.client.Resolve(p.Context(), p.host+"/"+ref)
	if err != nil {
		return ""
	}
	return d.Digest.String()
}

func TestPkgPush(t *testing.T) {
	p := newPushTest(t)
	foo := filepath.Join(p.dir, "foo")
	p.expect("Build and push complete, not releasing, all done.", "build", "--push", foo)
	tag, _ := p.pkg("show-tag", foo)
	tag = strings.TrimPrefix(strings.TrimSpace(tag), p.host+"/")
	index := p.digest(tag)
	if index == "" || p.digest(tag+"-amd64") == "" || p.digest(tag+"-arm64") == "" {
		t.Fatalf("the registry lacks %s", tag)
	}
	p.expect("already available on remote registry", "build", "--push", foo)

	p.newCache()
	p.expect("arm64 found on registry", "build", foo)
	p.expect("No new platforms to push, skipping.", "build", "--push", "--nobuild", foo)
	p.expect(`release of "r1" complete`, "build", "--push", "--nobuild", "--release", "r1", foo)
	if p.digest("o/foo:r1") != index {
		t.Error("the release is not the image")
	}
	p.refuse(`cannot release "a b"`, "build", "--push", "--release", "a b", foo)
	p.refuse(`cannot release "a b"`, "manifest", "--release", "a b", foo)
	p.newCache()
	p.expect("pulled", "build", "--pull", foo)
	p.expect("found "+p.host+"/"+tag+" in local cache", "build", foo)

	if err := os.WriteFile(filepath.Join(foo, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.refuse("build complete, refusing to push dirty package", "build", "--push", foo)
	if err := os.Remove(filepath.Join(foo, "new")); err != nil {
		t.Fatal(err)
	}
	p.manifests(foo, tag, index)
}

// manifests puts an index together out of images, and renames.
func (p *pushTest) manifests(foo, tag, index string) {
	p.expect("", "remote-tag", p.host+"/"+tag+"-amd64", p.host+"/o/foo:t-amd64")
	p.expect("identical to", "remote-tag", p.host+"/"+tag+"-amd64", p.host+"/o/foo:t-amd64")
	p.expect("o/foo:t-arm64 not found; skipping", "manifest", "--tag", "t", foo)
	one := p.digest("o/foo:t")
	p.expect("", "remote-tag", p.host+"/"+tag+"-arm64", p.host+"/o/foo:t-arm64")
	p.expect("Updating index for", "index", "--tag", "t", foo)
	two := p.digest("o/foo:t")
	if one == "" || two == "" || one == two {
		p.Errorf("indexes %q, %q", one, two)
	}
	p.expect("", "manifest", "--tag", "t", foo)
	if p.digest("o/foo:t") != two {
		p.Error("an index that is complete was changed")
	}
	p.expect("", "remote-tag", p.host+"/"+tag, p.host+"/o/foo:alone")
	p.expect("o/foo:alone-amd64 not found; skipping", "manifest", "--tag", "alone", foo)
	if p.digest("o/foo:alone") != index {
		p.Error("an index without images by architecture was changed")
	}
	p.refuse("the registry has none of the images", "manifest", "--tag", "nosuch", foo)
	p.refuse("error getting manifest for from image", "remote-tag", p.host+"/o/foo:nosuch", p.host+"/o/foo:x")

	p.expect("", "remote-tag", p.host+"/"+tag, p.host+"/other/bar:1")
	p.expect("", "remote-tag", "--cache", os.DevNull, p.host+"/"+tag, p.host+"/other/bar:2") // needs no cache
	p.expect("but is different from", "remote-tag", p.host+"/o/foo:t", p.host+"/other/bar:1")
	if got := p.digest("other/bar:1"); got != two {
		p.Errorf("the copy is %s instead of %s (first %s)", got, two, index)
	}
}
