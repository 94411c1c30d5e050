package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// result is what a command line left.
type result struct {
	code           int
	stdout, stderr string
}

func linuxkit(t *testing.T, stdin io.Reader, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, stdin, &out, &err)
	return result{code, out.String(), err.String()}
}

// succeed runs a command line that must not fail.
func succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := linuxkit(t, nil, args...)
	if r.code != 0 {
		t.Fatalf("%q: status %d\n%s", args, r.code, r.stderr)
	}
	return r
}

// recordedCache is a copy of a cache that LinuxKit wrote; LINUXKIT_CACHE
// names it.
func recordedCache(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(dir, os.DirFS("../../test/conformance/images")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LINUXKIT_CACHE", dir)
	t.Setenv("LINUXKIT_MIRROR", "")
	return dir
}

// cachedNames returns what `cache ls --json` lists.
func cachedNames(t *testing.T, args ...string) []string {
	t.Helper()
	var list []cachedImage
	if err := json.Unmarshal([]byte(succeed(t, append(args, "cache", "ls", "--json")...).stdout), &list); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, l := range list {
		names = append(names, l.Name)
	}
	return names
}

func TestCacheLs(t *testing.T) {
	recordedCache(t)
	r := succeed(t, "cache", "list")
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	if len(lines) != 10 || r.stdout != "" || lines[0] != "image name"+strings.Repeat(" ", 71)+"root manifest hash" {
		t.Errorf("cache list:\n%s%s", r.stdout, r.stderr)
	}
	if !slices.IsSorted(cachedNames(t)) {
		t.Errorf("not sorted: %q", cachedNames(t))
	}
	if r := succeed(t, "-q", "cache", "ls"); r.stderr+r.stdout != "" {
		t.Errorf("quiet: %+v", r)
	}
	empty := filepath.Join(t.TempDir(), "new")
	for _, args := range [][]string{{"--cache", empty, "cache", "ls"}, {"cache", "ls", "--cache", empty}} {
		if r := succeed(t, args...); strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%q: %s", args, r.stderr)
		}
	}
	if _, err := os.Stat(empty + "/index.json"); err != nil {
		t.Error(err)
	}
}

func TestCacheErrors(t *testing.T) {
	dir := recordedCache(t)
	missing := filepath.Join(t.TempDir(), "none")
	out := filepath.Join(t.TempDir(), "out")
	for want, args := range map[string][]string{
		`mirror "foo" must start with http:// or https://`: {"--mirror", "foo", "cache", "ls"},
		"failed to read certificate file":                  {"--cert-file", missing, "cache", "ls"},
		"unable to create cache directory":                 {"--cache", dir + "/index.json", "cache", "ls"},
		"could not find image or index for alpine:3":       {"cache", "rm", "docker.io/conf/app:v1", "alpine:3"},
		"requires at least 1 arg(s), only received 0":      {"cache", "import"},
		"unable to open " + missing:                        {"cache", "import", missing},
		"unable to load image: the input is empty":         {"cache", "import", "-"},
		"'outfile' flag is required":                       {"cache", "export", "conf/app:v1"},
		"too many slashes in platform spec: a/b/c/d":       {"cache", "export", "conf/app:v1", "--platform", "a/b/c/d"},
		"requested unknown format zip":                     {"cache", "export", "conf/app:v1", "--format", "zip"},
		"could not find image or index for docker.io/x/y":  {"cache", "export", "x/y", "--outfile", out},
		"wanted linux/riscv64, the index has linux/amd64":  {"cache", "export", "conf/app:v1", "--platform", "linux/riscv64", "--outfile", out},
		"unable to open " + out + "/x/y":                   {"cache", "export", "conf/app:v1", "--outfile", out + "/x/y"},
		"error getting manifest for trusted image NOT: ":   {"cache", "pull", "NOT"},
	} {
		r := linuxkit(t, strings.NewReader(""), args...)
		if r.code != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("%q: status %d, want %q\n%s", args, r.code, want, r.stderr)
		}
	}
	if left := cachedNames(t); len(left) != 9 {
		t.Errorf("left: %q", left)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed export left a file: %v", err)
	}
}

func TestCacheExportImport(t *testing.T) {
	recordedCache(t)
	out := filepath.Join(t.TempDir(), "out.tar")
	if err := os.WriteFile(out, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	succeed(t, "cache", "export", "conf/app:v1", "--platform", "linux/arm64", "--outfile", out, "--name", "foo")
	data, err := os.ReadFile(out)
	if err != nil || len(data) > 100_000 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if r := succeed(t, "cache", "export", "conf/app:v1", "--platform", "linux/arm64", "--outfile", "-", "--name", "foo"); r.stdout != string(data) {
		t.Error("standard output differs from the file")
	}
	for _, in := range []string{out, "-"} {
		cache := filepath.Join(t.TempDir(), "new")
		if r := linuxkit(t, bytes.NewReader(data), "--cache", cache, "cache", "import", in); r.code != 0 || r.stdout+r.stderr != "" {
			t.Errorf("import %s: %+v", in, r)
		}
		if got := cachedNames(t, "--cache", cache); !slices.Equal(got, []string{"docker.io/library/foo"}) {
			t.Errorf("imported: %q", got)
		}
	}
}

func TestCacheExportFilesystem(t *testing.T) {
	recordedCache(t)
	r := succeed(t, "cache", "export", "conf/layers:v1", "--format", "filesystem", "--outfile", "-", "--platform", "linux/amd64")
	names := map[string]bool{}
	for tr := tar.NewReader(strings.NewReader(r.stdout)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names[h.Name] = true
	}
	if !names["b/"] || !names["b/new"] || !names["base2"] {
		t.Errorf("files: %v", names)
	}
}

func TestCacheRmAndClean(t *testing.T) {
	dir := recordedCache(t)
	r := succeed(t, "cache", "rm", "conf/app:v1", "docker.io/conf/bare:v1", "conf/bare:v1")
	if !strings.Contains(r.stderr, "removing image docker.io/conf/app:v1 from cache\n") {
		t.Error(r.stderr)
	}
	if left := cachedNames(t); len(left) != 7 {
		t.Errorf("left: %q", left)
	}
	for range 2 {
		if r := succeed(t, "cache", "clean", "ignored"); r.stderr != "Cache emptied: "+dir+"\n" {
			t.Errorf("clean: %q", r.stderr)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cache is still there: %v", err)
	}
}

// publishIndex pushes an index of two platforms to a registry and returns the
// registry's host.
func publishIndex(t *testing.T, repository string) string {
	t.Helper()
	s := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	var index v1.ImageIndex = empty.Index
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := random.Image(1000, 1)
		if err != nil {
			t.Fatal(err)
		}
		img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: arch})
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	ref, err := name.ParseReference(host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	return host
}

func TestCachePull(t *testing.T) {
	recordedCache(t)
	host := publishIndex(t, "org/x")
	full := host + "/org/x:latest"
	succeed(t, "cache", "pull", host+"/org/x")
	for _, name := range []string{full, full + "-amd64", full + "-arm64"} {
		if !slices.Contains(cachedNames(t), name) {
			t.Errorf("%s is not in the cache: %q", name, cachedNames(t))
		}
	}
	// Only what the registry holds just so goes, with its architectures.
	r := succeed(t, "--mirror", "docker.io=http://"+host, "cache", "clean", "--published-only")
	if left := cachedNames(t); len(left) != 9 || !strings.Contains(r.stderr, "image docker.io/conf/app:v1 not found in remote registry, leaving in cache\n") {
		t.Errorf("left: %q\n%s", left, r.stderr)
	}
	succeed(t, "--mirror", "http://"+host, "cache", "pull", "org/x", "--platform", "linux/arm64")
	if got := cachedNames(t); slices.Contains(got, "docker.io/org/x:latest-amd64") || !slices.Contains(got, "docker.io/org/x:latest-arm64") {
		t.Errorf("after pulling one platform: %q", got)
	}
}
