package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// skopeo reads the cache as what it is, an OCI image layout, and what skopeo
// writes is a cache.
func TestSkopeo(t *testing.T) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("no skopeo; Debian has it in the package of that name")
	}
	recorded := recordedCache(t)
	skopeo := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("skopeo", append([]string{"--insecure-policy"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("skopeo %q: %v\n%s", args, err, out)
		}
	}
	// A cache of ours, filled by pulling.
	host := publishIndex(t, "org/x")
	ours := filepath.Join(t.TempDir(), "ours")
	succeed(t, "--cache", ours, "cache", "pull", host+"/org/x")
	theirs := filepath.Join(t.TempDir(), "theirs")
	skopeo("copy", "--all", "oci:"+ours+":"+host+"/org/x:latest", "oci:"+theirs+":x.io/copied/x:1")
	skopeo("copy", "--all", "oci:"+recorded+":docker.io/conf/app:v1", "oci:"+theirs+":docker.io/conf/app:v1")
	if got := cachedNames(t, "--cache", theirs); !slices.Equal(got, []string{"docker.io/conf/app:v1", "x.io/copied/x:1"}) {
		t.Errorf("names: %q", got)
	}
	succeed(t, "--cache", theirs, "cache", "verify")
	tar := filepath.Join(t.TempDir(), "app.tar")
	succeed(t, "--cache", theirs, "cache", "export", "--outfile", tar, "--platform", "linux/arm64", "conf/app:v1")
	skopeo("inspect", "--raw", "oci-archive:"+tar)
	for _, format := range []string{"oci", "docker"} {
		out := filepath.Join(t.TempDir(), format+".tar")
		succeed(t, "cache", "export", "--format", format, "--outfile", out, "--platform", "linux/amd64", "conf/app:v1")
		skopeo("copy", format+"-archive:"+out, "dir:"+t.TempDir())
	}
}
