package pkglib

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ptr[T any](v T) *T { return &v }

func TestNames(t *testing.T) {
	t.Setenv("USER", "me")
	dir := t.TempDir()
	for _, c := range []struct {
		yml            string
		cfg            PkglibConfig
		tag, canonical string
	}{
		{"image: foo", PkglibConfig{Hash: "H"}, "linuxkit/foo:H", "docker.io/linuxkit/foo:H"},
		{"image: foo\norg: o", PkglibConfig{Hash: "H"}, "o/foo:H", "docker.io/o/foo:H"},
		{"image: foo", PkglibConfig{Hash: "H", Org: ptr("127.0.0.1:5000")}, "127.0.0.1:5000/foo:H", "127.0.0.1:5000/foo:H"},
		{"image: foo", PkglibConfig{Hash: "H", Org: ptr("localhost")}, "localhost/foo:H", "localhost/foo:H"},
		{"image: foo", PkglibConfig{Hash: "H", Org: ptr("localhost:5000")}, "localhost:5000/foo:H", "localhost:5000/foo:H"},
		{"image: foo", PkglibConfig{Hash: "H", Org: ptr("docker.io")}, "docker.io/foo:H", "docker.io/foo:H"},
		{"image: foo", PkglibConfig{Hash: "H", Org: ptr("a/b")}, "a/b/foo:H", "a/b/foo:H"},
		{"image: foo", PkglibConfig{}, "linuxkit/foo:latest", "docker.io/linuxkit/foo:latest"},
		{"image: foo", PkglibConfig{Dirty: true}, "linuxkit/foo:latest", "docker.io/linuxkit/foo:latest"},
		{"image: foo\ntag: v-{{.Hash}}", PkglibConfig{}, "linuxkit/foo:v-", "docker.io/linuxkit/foo:v-"},
		{"image: foo\ntag: v-{{.Hash}}", PkglibConfig{Hash: "H"}, "linuxkit/foo:v-H", "docker.io/linuxkit/foo:v-H"},
		{"image: foo\ntag: v-{{.Hash}}", PkglibConfig{Hash: "H", Tag: "fixed"}, "linuxkit/foo:fixed", "docker.io/linuxkit/foo:fixed"},
		{"image: foo", PkglibConfig{Dev: true}, "me/foo:dev", "docker.io/me/foo:dev"},
		{"image: foo", PkglibConfig{Dev: true, Org: ptr("o")}, "o/foo:dev", "docker.io/o/foo:dev"},
		{"image: foo", PkglibConfig{Dev: true, Hash: "Z"}, "me/foo:Z", "docker.io/me/foo:Z"},
	} {
		writeFile(t, filepath.Join(dir, "build.yml"), c.yml)
		c.cfg.BuildYML, c.cfg.HashCommit = DefaultPkgBuildYML, DefaultPkgCommit
		pkgs, err := NewFromConfig(t.Context(), c.cfg, dir)
		if err != nil {
			t.Errorf("%q %+v: %v", c.yml, c.cfg, err)
			continue
		}
		if p := pkgs[0]; p.Tag() != c.tag || p.FullTag() != c.canonical {
			t.Errorf("%q %+v: %s, %s; want %s, %s", c.yml, c.cfg, p.Tag(), p.FullTag(), c.tag, c.canonical)
		}
	}
}

func TestOverrides(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "build.yml"), "image: foo\nnetwork: true\n")
	cfg := defaults
	cfg.Network, cfg.DisableCache = ptr(false), ptr(true)
	pkgs, err := NewFromConfig(t.Context(), cfg, dir)
	if err != nil || pkgs[0].info.Network || !pkgs[0].info.DisableCache {
		t.Errorf("%+v, %v", pkgs, err)
	}
	cfg.Org = ptr("")
	if _, err := NewFromConfig(t.Context(), cfg, dir); err == nil || !strings.Contains(err.Error(), "organisation is empty") {
		t.Error(err)
	}
	t.Setenv("USER", "")
	cfg.Org, cfg.Dev = nil, true
	if _, err := NewFromConfig(t.Context(), cfg, dir); err == nil || !strings.Contains(err.Error(), "set USER") {
		t.Error(err)
	}
}

func TestExecuteTag(t *testing.T) {
	for text, want := range map[string]string{
		"v-{{.Hash}}": "v-abc", "fixed": "fixed", "{{.Hash}}": "abc",
		"a{{.Nope}}":  "error: failed to execute tag template: ",
		"{{":          "error: invalid tag template: template: tag:1: unclosed action",
		"{{.Hash.X}}": "error: failed to execute tag template: ",
	} {
		got, err := executeTag(text, "abc")
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestReleaseTag(t *testing.T) {
	r := newTestRepo(t)
	p := r.load(defaults, "pkg/foo")
	if tag, err := p.ReleaseTag("v1"); err != nil || tag != "linuxkit/foo:v1" {
		t.Error(tag, err)
	}
	if _, err := p.ReleaseTag(""); err == nil {
		t.Error("an empty release is accepted")
	}
	r.write("pkg/foo/data", "new")
	if _, err := r.load(defaults, "pkg/foo").ReleaseTag("v1"); !errors.Is(err, ErrDirty) {
		t.Error(err)
	}
}

func TestSourceErrors(t *testing.T) {
	dir, r := t.TempDir(), newTestRepo(t)
	writeFile(t, filepath.Join(dir, "file"), "")
	for entry, want := range map[string]string{
		"a:b:c": "bad source format in a:b:c", "a": "bad source format in a",
		"nosuch:/x":           "source " + filepath.Join(dir, "nosuch") + " not in a git repository",
		"file:/x":             "source " + filepath.Join(dir, "file") + " not in a git repository",
		r.path("new") + ":/x": "is not in git",
	} {
		os.MkdirAll(r.path("new"), 0o755)
		writeFile(t, filepath.Join(dir, "build.yml"), "image: foo\nextra-sources: ['"+entry+"']\n")
		cfg := defaults
		cfg.Hash = "given"
		if _, err := NewFromConfig(t.Context(), cfg, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", entry, err, want)
		}
	}
}

func TestDepends(t *testing.T) {
	const sum = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	dir := filepath.Join(t.TempDir(), "p")
	writeFile(t, filepath.Join(dir, "list"), "# comment\n\ndocker.io/library/a"+sum+"\r\nquay.io/b"+sum)
	writeFile(t, filepath.Join(dir, "bad"), " docker.io/library/a"+sum[:20]+"\n")
	for _, c := range []struct {
		d    Depends
		want string
	}{
		{Depends{Target: "a", TargetDir: "b"}, `"depends.images.target" and "depends.images.target-dir" are mutually exclusive`},
		{Depends{fromFile: "list", Images: []string{"a"}}, `"depends.images.list" and "depends.images.from-file" are mutually exclusive`},
		{Depends{Target: "/a"}, "depends.image.target must be relative to package directory"},
		{Depends{TargetDir: "/a"}, "depends.image.target-dir must be relative to package directory"},
		{Depends{fromFile: "/a"}, "depends.image.from-file must be relative to package directory"},
		{Depends{Target: "x/.."}, "depends.image.target must not be exactly the package directory"},
		{Depends{Target: "../x"}, "depends.image.target must be within package directory"},
		{Depends{Target: "../pother/x"}, "depends.image.target must be within package directory"},
		{Depends{Images: []string{"docker.io/library/a:b"}}, `image "docker.io/library/a:b" lacks a digest`},
		{Depends{Images: []string{"nginx" + sum}}, `image "nginx` + sum + `" lacks a digest`},
		{Depends{Images: []string{"docker.io/a@sha256:ab"}}, `unable to validate digest in "docker.io/a@sha256:ab": invalid checksum digest length`},
		{Depends{fromFile: "bad"}, "unable to validate digest in"},
		{Depends{fromFile: "nosuch"}, "no such file"},
	} {
		if err := c.d.complete(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.d, err, c.want)
		}
	}
	d := Depends{fromFile: "list", Target: "x/y"}
	if err := d.complete(dir); err != nil || len(d.Images) != 2 || d.Images[1] != "quay.io/b"+sum || d.Target != filepath.Join(dir, "x/y") {
		t.Errorf("%+v, %v", d, err)
	}
}
