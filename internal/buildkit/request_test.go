package buildkit

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/client/connhelper"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

func readContext(t *testing.T, r Request) (map[string]string, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := writeContext(t.Context(), &b, r); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	entries := map[string]string{}
	for tr := tar.NewReader(&b); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries, data
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(r.Time) {
			t.Errorf("%s has owner %d:%d and time %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		entries[h.Name] = fmt.Sprintf("%c %o %s%s", h.Typeflag, h.Mode, content, h.Linkname)
	}
}

func TestContext(t *testing.T) {
	dir, lib := t.TempDir(), t.TempDir()
	writeFiles(t, dir, map[string]string{"Dockerfile": "FROM scratch", "run*": "x", "link": "->run", "lib/a": "mine", ".git/HEAD": "h"})
	writeFiles(t, lib, map[string]string{"a": "theirs", "b": "b"})
	r := Request{Dir: dir, Time: time.Unix(86400, 0), Sources: []Source{{lib, "/lib"}, {filepath.Join(lib, "b"), "one"}}}
	got, data := readContext(t, r)
	want := map[string]string{
		"/": "5 755 ", "/Dockerfile": "0 644 FROM scratch", "/run": "0 755 x", "/link": "2 777 run", "/.git": "5 755 ", "/.git/HEAD": "0 644 h",
		"/lib": "5 755 ", "/lib/a": "0 644 theirs", "/lib/b": "0 644 b", "/one": "0 644 b",
	}
	if !maps.Equal(got, want) {
		t.Errorf("context %v\nwant %v", got, want)
	}
	if _, again := readContext(t, r); !bytes.Equal(data, again) {
		t.Error("the context differs from time to time")
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := writeContext(t.Context(), io.Discard, r); err == nil || !strings.Contains(err.Error(), "socket is neither a file") {
		t.Errorf("a socket: %v", err)
	}
}

func TestAttributes(t *testing.T) {
	for _, name := range proxies {
		t.Setenv(name, "")
	}
	t.Setenv("http_proxy", "http://proxy")
	t.Setenv("https_proxy", "http://other")
	r := Request{
		Platform: ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, Dockerfile: "sub/Dockerfile", Time: time.Unix(7, 0),
		Args: map[string]string{"A": "1", "https_proxy": "mine"}, Labels: map[string]string{"l": "x"}, Network: "none", NoCache: true, SBOM: "scanner:1",
	}
	got, err := r.attributes()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"platform": "linux/arm/v7", "filename": "sub/Dockerfile", "build-arg:A": "1", "build-arg:http_proxy": "http://proxy",
		"build-arg:https_proxy": "mine", "label:l": "x", "no-cache": "", "force-network-mode": "none", "attest:sbom": "generator=scanner:1",
		"build-arg:SOURCE_DATE_EPOCH": "7",
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s is %q, want %q", key, value, want)
		}
	}
	r.SBOM, r.Network, r.NoCache = NoScanner, "default", false
	got, err = r.attributes()
	if _, has := got["attest:sbom"]; err != nil || has || got["force-network-mode"] != "sandbox" {
		t.Errorf("%v, %v", got, err)
	}
	if _, has := got["no-cache"]; has {
		t.Error("the cache is off")
	}
	r.Network = "bridge"
	if _, err := r.attributes(); err == nil {
		t.Error("a wrong network was accepted")
	}
}

func TestStore(t *testing.T) {
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	desc, err := s.Put(t.Context(), "text/plain", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := store{s}.ReaderAt(t.Context(), desc)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := make([]byte, 3)
	if _, err := r.ReadAt(b, 2); err != nil || string(b) != "llo" || r.Size() != 5 {
		t.Errorf("read %q, %v; size %d", b, err, r.Size())
	}
	if info, err := (store{s}).Info(t.Context(), desc.Digest); err != nil || info.Size != 5 {
		t.Errorf("info %+v, %v", info, err)
	}
	if _, err := (store{s}).Info(t.Context(), digest.FromString("gone")); !errdefs.IsNotFound(err) {
		t.Errorf("a missing blob: %v", err)
	}
	if err := (store{s}).Delete(t.Context(), desc.Digest); !errdefs.IsNotImplemented(err) || !s.Has(t.Context(), desc) {
		t.Errorf("delete: %v", err)
	}
}

// Every kind of address that is accepted has its code linked in.
func TestSchemes(t *testing.T) {
	for _, scheme := range schemes {
		if scheme == "unix" || scheme == "tcp" {
			continue // the client has them
		}
		helper, err := connhelper.GetConnectionHelper(scheme + "://name")
		if foreign := scheme == "npipe" && runtime.GOOS != "windows"; (helper == nil) != foreign || (err != nil) != foreign {
			t.Errorf("%s: %v, %v", scheme, helper, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"unix:///run/x.sock": true, "tcp://h:1": true, "ssh://u@h": true, "docker-container://x": true, "podman-container://x": true,
		"kube-pod://x?namespace=y": true, ChildAddress: true, "http://h": false, "default": false, "::": false,
	} {
		if err := CheckAddress(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, want := range map[string]string{
		"tcp://h:1": "tcp://h:1 0", "tcp://h:1?servername=x": "tcp://h:1 1", "tcp://h:1?tlsdir=/d": "tcp://h:1 2",
		"tcp://h:1?cacert=/a&cert=/c&key=/k": "tcp://h:1 2", "tcp://h:1?cert=/c": "error", "tcp://h:1?nonsense=1": "error", "unix:///x?y=z": "unix:///x?y=z 0",
	} {
		rest, opts, err := credentials(address)
		got := fmt.Sprintf("%s %d", rest, len(opts))
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", address, got, err, want)
		}
	}
}
