package builder

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func no() *bool { return new(bool) }

// debianRecipe publishes a package and pins it.
func debianRecipe(t testing.TB, a *archive, files map[string]string, exclude ...string) Recipe {
	t.Helper()
	d := &Debian{Packages: []string{"tool"}, Dependencies: no(), Exclude: exclude}
	r := Recipe{Dir: t.TempDir(), Layers: []Layer{{Debian: d}}}
	writeLock(t, r.Dir, d.request(), a.put("tool", makeDeb(t, "tool", files)))
	return r
}

func TestDebian(t *testing.T) {
	r := debianRecipe(t, newArchive(t), map[string]string{
		"usr/bin/tool*": "elf", "sbin/init*": "init", "lib/x86/libx.so.1": "->libx.so.1.0", "lib/x86/libx.so.1.0": "lib",
		"lib64/ld.so": "->../lib/x86/ld.so", "etc/tool/conf": "c", "etc/tool/other": "o",
		"usr/share/doc/tool/copyright": "GPL", "usr/share/doc/tool/README": "r", "usr/share/man/man1/tool.1": "m",
		"usr/lib/x86/gconv/big": "g",
	}, "usr/lib/*/gconv", "/etc/tool/other")
	b := mustBuild(t, newStore(t), r, hostPlatform)
	got := b.layers[0]
	status := got["var/lib/dpkg/status.d/tool"]
	delete(got, "var/lib/dpkg/status.d/tool")
	if !strings.Contains(status, "Version: 1.0\n") {
		t.Errorf("control data %q", status)
	}
	for name := range got {
		if strings.HasSuffix(name, "/") {
			delete(got, name)
		}
	}
	want := map[string]string{
		"usr/bin/tool": "0 755 elf", "usr/sbin/init": "0 755 init", "usr/lib/x86/libx.so.1": "2 777 libx.so.1.0",
		"usr/lib/x86/libx.so.1.0": "0 644 lib", "usr/lib64/ld.so": "2 777 ../lib/x86/ld.so", "etc/tool/conf": "0 644 c",
		"usr/share/doc/tool/copyright": "0 644 GPL",
		"bin":                          "2 777 usr/bin", "sbin": "2 777 usr/sbin", "lib": "2 777 usr/lib", "lib64": "2 777 usr/lib64",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestLayersAboveDebian(t *testing.T) {
	r := debianRecipe(t, newArchive(t), map[string]string{"usr/sbin/tool*": "elf", "usr/lib/tool/x": "x"})
	writeFiles(t, r.Dir, map[string]string{"rootfs/sbin/mine*": "m", "rootfs/lib/tool/y": "y", "rootfs/bin/own": "o"})
	r.Layers = append(r.Layers, Layer{Files: &Files{"rootfs"}})
	b := mustBuild(t, newStore(t), r, hostPlatform)
	want := map[string]string{"usr/sbin/mine": "0 755 m", "usr/lib/tool/y": "0 644 y", "bin/": "5 755 ", "bin/own": "0 644 o"}
	if !maps.Equal(b.layers[1], want) {
		t.Errorf("files end up as %v, want %v", b.layers[1], want)
	}
}

func TestLayerForOtherArchitecture(t *testing.T) {
	r := debianRecipe(t, newArchive(t), map[string]string{"usr/sbin/tool*": "elf"})
	r.Layers[0].Debian.Arches = []string{"no-such"}
	if _, err := Build(context.Background(), newStore(t), r, hostPlatform); !errors.Is(err, ErrRecipe) {
		t.Errorf("an image without layers: %v", err)
	}
	writeFiles(t, r.Dir, map[string]string{"rootfs/own": "o"})
	r.Layers = append(r.Layers, Layer{Files: &Files{"rootfs"}})
	if b := mustBuild(t, newStore(t), r, hostPlatform); len(b.layers) != 1 || b.layers[0]["own"] == "" {
		t.Errorf("layers %v, want the files only", b.layers)
	}
}

func TestHardLinks(t *testing.T) {
	tr := newTree()
	defer tr.Close()
	n := bytesFile(0o755, []byte("content"))
	tr.add("usr/z", n)
	tr.add("usr/a", n)
	j := &job{store: newStore(t), mtime: mustEpoch(t)}
	s, err := j.write(context.Background(), tr)
	if err != nil {
		t.Fatal(err)
	}
	entries, _, _ := readLayer(t, j.store, s.Blob)
	if entries["usr/a"] != "0 755 content" || entries["usr/z"] != "1 755 usr/a" {
		t.Errorf("entries %v", entries)
	}
}

func TestDirectoriesOfTwoLayers(t *testing.T) {
	s := newStore(t)
	j := &job{store: s, mtime: mustEpoch(t), below: below{dirs: map[string]bool{"a": true, "b": true}}}
	tr := newTree()
	tr.add("a", directory(0o755))
	tr.add("b", directory(0o1777))
	tr.add("c", directory(0o755))
	done, err := j.write(context.Background(), tr)
	if err != nil {
		t.Fatal(err)
	}
	got, _, _ := readLayer(t, s, done.Blob)
	if want := map[string]string{"b/": "5 1777 ", "c/": "5 755 "}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDebianCached(t *testing.T) {
	a := newArchive(t)
	r := debianRecipe(t, a, map[string]string{"usr/bin/tool*": "elf"})
	s := newStore(t)
	first := mustBuild(t, s, r, hostPlatform)
	a.Close()
	second := mustBuild(t, s, r, hostPlatform)
	if first.desc.Digest != second.desc.Digest || a.requests != 1 {
		t.Errorf("second build gives %s after %s, with %d requests", second.desc.Digest, first.desc.Digest, a.requests)
	}
	r.Layers[0].Debian.Exclude = []string{"usr/bin"}
	third := mustBuild(t, s, r, hostPlatform)
	if _, ok := third.layers[0]["usr/bin/tool"]; ok || third.desc.Digest == first.desc.Digest {
		t.Error("a new exclusion has no effect")
	}
}

func TestDebianGone(t *testing.T) {
	a := newArchive(t)
	r := debianRecipe(t, a, map[string]string{"usr/bin/tool*": "elf"})
	files := maps.Clone(a.files)
	clear(a.files)
	_, err := Build(context.Background(), newStore(t), r, hostPlatform)
	if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "linuxkit pkg lock "+r.Dir) {
		t.Errorf("error %v, want ErrGone with the remedy", err)
	}
	past := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(files["/debian"+strings.TrimPrefix(r.URL.Path, "/past")])
	}))
	defer past.Close()
	t.Setenv(envSnapshot, past.URL+"/past")
	mustBuild(t, newStore(t), r, hostPlatform)
}

func TestDebianWrongBytes(t *testing.T) {
	a := newArchive(t)
	r := debianRecipe(t, a, map[string]string{"usr/bin/tool*": "elf"})
	for name, data := range a.files {
		for what, bad := range map[string][]byte{
			"changed": bytes.ToUpper(data), "short": data[:len(data)-1], "long": append(bytes.Clone(data), 0),
		} {
			a.files[name] = bad
			if _, err := Build(context.Background(), newStore(t), r, hostPlatform); !errors.Is(err, errHash) {
				t.Errorf("%s: error %v, want errHash", what, err)
			}
		}
	}
}

func TestDebianRetries(t *testing.T) {
	a := newArchive(t)
	r := debianRecipe(t, a, map[string]string{"usr/bin/tool*": "elf"})
	failures := 1
	flaky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if failures--; failures >= 0 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		w.Write(a.files[req.URL.Path])
	}))
	defer flaky.Close()
	t.Setenv(envMirror, flaky.URL+"/debian")
	mustBuild(t, newStore(t), r, hostPlatform)
}

func TestSecurityUpdates(t *testing.T) {
	a := newArchive(t)
	p := lockedPackage{Path: securityPool + "x.deb"}
	if _, err := archivesFor(p); !errors.Is(err, ErrNoMirror) {
		t.Errorf("error %v, want ErrNoMirror", err)
	}
	t.Setenv(envSecurity, a.URL+"/security/")
	if got, err := archivesFor(p); err != nil || len(got) != 1 || got[0] != a.URL+"/security" {
		t.Errorf("archives %v, %v", got, err)
	}
}

func TestExcluded(t *testing.T) {
	for _, tt := range []struct {
		name, pattern string
		want          bool
	}{
		{"usr/lib/x/gconv/a", "usr/lib/*/gconv", true},
		{"usr/lib/x/y/gconv", "usr/lib/*/gconv", false},
		{"usr/share", "usr/share", true},
		{"usr/shared", "usr/share", false},
		{"usr/lib/x/libssl.so.3", "usr/lib/*/libssl.so*", true},
		{"etc", "/etc/", true},
	} {
		if got := excluded(tt.name, []string{tt.pattern}); got != tt.want {
			t.Errorf("excluded(%q, %q) = %v", tt.name, tt.pattern, got)
		}
	}
}

func TestHostMirror(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing":     {nil, ""},
		"one line":    {map[string]string{"sources.list": "# c\ndeb-src http://s.example/debian trixie main\ndeb [arch=amd64 signed-by=/k] http://m.example/debian/ bookworm main\n"}, "http://m.example/debian"},
		"deb822":      {map[string]string{"sources.list.d/d.sources": "Types: deb deb-src\nURIs: https://m.example/x/debian\nSuites: trixie trixie-updates\nComponents: main\n"}, "https://m.example/x/debian"},
		"disabled":    {map[string]string{"sources.list.d/d.sources": "Enabled: no\nTypes: deb\nURIs: https://m.example/debian\nSuites: trixie\n"}, ""},
		"other suite": {map[string]string{"sources.list": "deb http://m.example/debian noble main\n"}, ""},
		"security":    {map[string]string{"sources.list": "deb http://m.example/debian-security trixie-security main\n"}, ""},
		"a file":      {map[string]string{"sources.list.d/a.list": "deb file:/srv/debian trixie main\ndeb cdrom:[x] trixie main\n"}, ""},
	} {
		dir := t.TempDir()
		writeFiles(t, dir, tt.files)
		if got := hostMirror(dir); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestMirrorVariable(t *testing.T) {
	t.Setenv(envMirror, "ftp://x")
	if _, err := mirror(); err == nil || !strings.Contains(err.Error(), envMirror) {
		t.Errorf("error %v", err)
	}
}

func TestLockFile(t *testing.T) {
	good := lockedPackage{Name: "tool", Version: "1", Size: 1, SHA256: strings.Repeat("0a", 32), Path: "pool/x.deb"}
	l := &lockFile{Version: lockVersion, Release: "r"}
	l.put(request{names: []string{"tool"}}, "arm64", []lockedPackage{good})
	l.put(request{names: []string{"tool"}}, "amd64", []lockedPackage{{Name: "zz", Size: 2, SHA256: good.SHA256, Path: "pool/z"}, good})
	l.put(request{names: []string{"tool"}, kernel: true}, "amd64", []lockedPackage{good})
	l.put(request{names: []string{"tool"}, components: []string{"contrib", "non-free"}}, "amd64", []lockedPackage{good})
	text, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseLock(text)
	if err != nil {
		t.Fatal(err)
	}
	if text2, _ := again.encode(); !bytes.Equal(text, text2) || len(again.Sets) != 3 {
		t.Errorf("read and written again: %s", text2)
	}
	if _, err := again.find(request{names: []string{"tool"}, dependencies: true}, "amd64", "d"); !errors.Is(err, ErrLock) || !strings.Contains(err.Error(), "linuxkit pkg lock d") {
		t.Errorf("error %v", err)
	}
	for name, bad := range map[string][2]string{
		"version": {`"version": 1`, `"version": 2`}, "hash": {"0a0a", "0A0a"}, "path": {"pool/x.deb", "pool/../../x"},
		"absolute": {"pool/x.deb", "/etc/x"}, "size": {`"size":1`, `"size":-1`}, "name": {`"tool"`, `"--x"`}, "field": {`"release"`, `"relaese"`},
	} {
		text := strings.ReplaceAll(string(text), bad[0], bad[1])
		if _, err := parseLock([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzLock(f *testing.F) {
	data, err := os.ReadFile("../../examples/pkg/busybox/debian.lock")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseLock(data)
		if err != nil {
			return
		}
		if _, err := l.encode(); err != nil {
			t.Error(err)
		}
	})
}
