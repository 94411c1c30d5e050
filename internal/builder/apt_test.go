package builder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// signed makes an archive with an InRelease file that apt accepts, for a release
// of two architectures, and points the package at its key. Stanzas are by
// architecture, with the component in front unless it is main.
func signed(t *testing.T, a *archive, stanzas map[string][]string) {
	t.Helper()
	for _, program := range []string{"apt-get", "gpg"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	release := "Origin: Debian\nSuite: stable\nCodename: " + debianRelease + "\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nArchitectures: amd64 arm64\nComponents: main non-free-firmware\nSHA256:\n"
	for place, list := range stanzas {
		text := []byte(strings.Join(list, "\n"))
		component, arch, found := strings.Cut(place, "/")
		if !found {
			component, arch = "main", place
		}
		name := component + "/binary-" + arch + "/Packages"
		a.files["/debian/dists/"+debianRelease+"/"+name] = text
		sum := sha256.Sum256(text)
		release += fmt.Sprintf(" %s %d %s\n", hex.EncodeToString(sum[:]), len(text), name)
	}
	a.files["/debian/dists/"+debianRelease+"/InRelease"] = sign(t, release)
}

func sign(t *testing.T, text string) []byte {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	gpg := func(stdin string, args ...string) []byte {
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase="}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, stderr.String())
		}
		return out
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "gpg-agent").Run()
		os.RemoveAll(home)
	})
	gpg("", "--quick-generate-key", "archive@example.org", "rsa3072", "sign", "never")
	keyring := filepath.Join(home, "key.gpg")
	if err := os.WriteFile(keyring, gpg("", "--export"), 0o644); err != nil {
		t.Fatal(err)
	}
	old := keyrings
	keyrings = []string{keyring}
	t.Cleanup(func() { keyrings = old })
	return gpg(text, "--clearsign")
}

func stanza(name, arch, extra string) string {
	return fmt.Sprintf("Package: %s\nVersion: 1:2.0-1\nArchitecture: %s\nInstalled-Size: 4096\nSize: 7\nSHA256: %s\nFilename: pool/main/%s_2.0-1_%s.deb\nDescription: x\n%s",
		name, arch, strings.Repeat("ab", 32), name, arch, extra)
}

func TestLock(t *testing.T) {
	a := newArchive(t)
	stanzas := map[string][]string{}
	for _, arch := range []string{"amd64", "arm64"} {
		stanzas[arch] = []string{
			stanza("tool", arch, "Depends: lib (>= 1), virtual-data\nRecommends: extra\n"), stanza("lib", arch, ""), stanza("extra", arch, ""),
			stanza("data", "all", "Provides: virtual-data\n"), stanza("base", arch, "Essential: yes\n"),
			strings.Replace(stanza("linux-image-"+arch, arch, "Depends: linux-image-6.1-"+arch+" (= 1:2.0-1)\n"), "4096", "13", 1),
			stanza("linux-image-6.1-"+arch, arch, "Depends: kmod, linux-base\n"),
		}
		stanzas["non-free-firmware/"+arch] = []string{stanza("firmware", "all", "")}
	}
	signed(t, a, stanzas)
	r := Recipe{Dir: t.TempDir(), Layers: []Layer{
		{Debian: &Debian{Packages: []string{"tool"}}},
		{Debian: &Debian{Packages: []string{"tool", "data"}, Dependencies: no()}},
		{Kernel: &Kernel{Packages: map[string]string{"amd64": "linux-image-amd64", "arm64": "linux-image-arm64"}}},
		{Files: &Files{"x"}},
		{Debian: &Debian{Packages: []string{"base"}, Arches: []string{"amd64"}}},
		{Debian: &Debian{Packages: []string{"firmware", "lib"}, Components: []string{"non-free-firmware"}}},
	}}
	if err := Lock(context.Background(), r, []string{"amd64", "arm64"}); err != nil {
		t.Fatal(err)
	}
	lock, err := readLock(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]string{0: "data lib tool", 1: "data tool", 2: "linux-image-6.1-arm64", 5: "firmware lib"} {
		req, _ := r.Layers[i].request("arm64")
		got, err := lock.find(req, "arm64", r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
			if p.Version != "1:2.0-1" || p.Size != 7 || !strings.HasPrefix(p.Path, "pool/main/") {
				t.Errorf("package %+v", p)
			}
		}
		if strings.Join(names, " ") != want {
			t.Errorf("layer %d: %v, want %s", i+1, names, want)
		}
	}
	for _, s := range lock.Sets {
		if slices.Equal(s.Request, []string{"base"}) && (len(s.Arches) != 1 || s.Arches["amd64"] == nil) {
			t.Errorf("a layer for amd64 only is pinned for %v", s.Arches)
		}
	}
	if data, err := os.ReadFile(filepath.Join(r.Dir, LockFile)); err != nil || bytes.Contains(data, []byte("127.0.0.1")) {
		t.Errorf("the lock names the mirror: %s, %v", data, err)
	}
	for _, name := range []string{"absent", "firmware"} {
		r.Layers = []Layer{
			{Debian: &Debian{Packages: []string{"firmware"}, Components: []string{"non-free-firmware"}}},
			{Debian: &Debian{Packages: []string{name}, Dependencies: no()}},
		}
		if err := Lock(context.Background(), r, []string{"amd64"}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that names the package %s", err, name)
		}
	}
	r.Layers = []Layer{{Files: &Files{"x"}}}
	if err := Lock(context.Background(), r, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, LockFile)); !os.IsNotExist(err) {
		t.Errorf("the lock of a package without Debian packages is still there: %v", err)
	}
}

func TestLockForged(t *testing.T) {
	a := newArchive(t)
	signed(t, a, map[string][]string{"amd64": {stanza("tool", "amd64", "")}})
	a.files["/debian/dists/"+debianRelease+"/main/binary-amd64/Packages"] = []byte(stanza("tool", "amd64", "Depends: x\n"))
	r := Recipe{Dir: t.TempDir(), Layers: []Layer{{Debian: &Debian{Packages: []string{"tool"}}}}}
	if err := Lock(context.Background(), r, []string{"amd64"}); err == nil {
		t.Error("a package list that does not fit the signature was accepted")
	}
}
