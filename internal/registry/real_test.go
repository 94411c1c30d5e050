package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/registrytest"
)

// recordedStore is a copy of a cache that LinuxKit wrote.
func recordedStore(t *testing.T) *content.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recorded")
	if err := os.CopyFS(dir, os.DirFS("../../test/conformance/images")); err != nil {
		t.Fatal(err)
	}
	s, err := content.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// realClient talks to a registry of docker with what that demands.
func realClient(t *testing.T, r *registrytest.Registry, store *content.Store) *Client {
	t.Helper()
	o := Options{Store: store, Keychain: secrets{r.Host: {Username: registrytest.User, Password: registrytest.Password}}}
	if r.CertFile != "" {
		o.CertFiles = []string{r.CertFile}
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said runs a push and returns what it tells.
func (c *Client) said(t *testing.T, local, remote string, o PushOptions) []string {
	t.Helper()
	var lines []string
	o.Say = func(line string) { lines = append(lines, line) }
	if err := c.Push(t.Context(), local, remote, o); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestRealRegistry(t *testing.T) {
	for name, o := range map[string]registrytest.Options{
		"plain": {}, "encrypted with accounts": {TLS: true, Accounts: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := registrytest.Start(t, o)
			c := realClient(t, r, recordedStore(t))
			pushAll(t, c, r.Host)
			pullAll(t, c, realClient(t, r, emptyStore(t)), r.Host)
			if o.Accounts {
				anonymous, err := New(Options{Store: emptyStore(t), Keychain: authn.NewMultiKeychain(), CertFiles: []string{r.CertFile}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := anonymous.Pull(t.Context(), r.Host+"/conf/app:v1", nil, 0); status(err) != 401 {
					t.Errorf("anonymous: %v", err)
				}
			}
		})
	}
}

func emptyStore(t *testing.T) *content.Store {
	t.Helper()
	s, err := content.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pushAll(t *testing.T, c *Client, host string) {
	t.Helper()
	all, err := c.opts.Store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		remote := strings.Replace(n.Ref, "docker.io", host, 1)
		kind := "image"
		if content.IsIndex(n.MediaType) {
			kind = "index"
		}
		first := c.said(t, n.Ref, remote, PushOptions{})
		if !slices.Contains(first, "Pushed "+kind+" "+n.Ref) || first[0] != "Pushing local "+n.Ref+" as "+remote {
			t.Errorf("first push: %q", first)
		}
		if again := c.said(t, n.Ref, remote, PushOptions{}); len(again) != 1 {
			t.Errorf("second push: %q", again)
		}
		if forced := c.said(t, n.Ref, remote, PushOptions{Override: true}); !strings.Contains(strings.Join(forced, "\n"), kind+" already available on remote registry, skipping push") {
			t.Errorf("push of the same: %q", forced)
		}
	}
}

func pullAll(t *testing.T, from, into *Client, host string) {
	t.Helper()
	all, err := from.opts.Store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		ref := strings.Replace(n.Ref, "docker.io", host, 1)
		got, err := into.Pull(t.Context(), ref, nil, 0)
		if err != nil || got.Digest != n.Digest {
			t.Errorf("%s: %v, %v", ref, got.Digest, err)
		}
	}
	audit, err := into.opts.Store.Audit(t.Context())
	if err != nil || len(audit.Damaged) != 0 || audit.Blobs == 0 {
		t.Errorf("Audit = %+v, %v", audit, err)
	}
}

// Names by architecture are made even if the index is there already; nothing
// of all that leaves a trace in the cache.
func TestPushArchTags(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	c := realClient(t, r, recordedStore(t))
	before, _ := os.ReadFile(filepath.Join(c.opts.Store.Dir(), "index.json"))
	ref := r.Host + "/conf/app:v1"
	c.said(t, "docker.io/conf/app:v1", ref, PushOptions{})
	c.said(t, "docker.io/conf/app:v1", ref, PushOptions{Override: true, ArchTags: true})
	for _, arch := range []string{"amd64", "arm64"} {
		if _, err := c.Resolve(t.Context(), ref+"-"+arch); err != nil {
			t.Error(err)
		}
	}
	if after, _ := os.ReadFile(filepath.Join(c.opts.Store.Dir(), "index.json")); string(after) != string(before) {
		t.Error("the push changed the names of the cache")
	}
	out, err := exec.Command("skopeo", "inspect", "--tls-verify=false", "--raw", "docker://"+ref+"-arm64").Output()
	if err != nil {
		t.Skipf("skopeo: %v", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(out, &m); err != nil || len(m.Layers) == 0 {
		t.Errorf("skopeo sees %s, %v", out, err)
	}
}

// Blobs are taken from other repositories of the registry that the cache knows.
func TestMount(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	c := realClient(t, r, recordedStore(t))
	first := r.Host + "/one/app:v1"
	c.said(t, "docker.io/conf/app:v1", first, PushOptions{})
	if _, err := c.Pull(t.Context(), first, nil, 0); err != nil {
		t.Fatal(err)
	}
	sent := countBytes(t)
	if err := c.Push(sent.ctx, first, r.Host+"/two/app:v1", PushOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := sent.bytes.Load(); n != 0 {
		t.Errorf("%d bytes were sent although the registry has them", n)
	}
}

// Credentials come from the docker configuration, its store and its helpers.
func TestDockerConfiguration(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Accounts: true})
	bin := t.TempDir()
	helper := fmt.Sprintf("#!/bin/sh\nread host\ntest \"$host\" = %s || { echo credentials not found in native keychain; exit 1; }\n"+
		`echo '{"ServerURL":"x","Username":"%s","Secret":"%s"}'`+"\n", r.Host, registrytest.User, registrytest.Password)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	auth := base64.StdEncoding.EncodeToString([]byte(registrytest.User + ":" + registrytest.Password))
	for name, c := range map[string]struct {
		config string
		known  bool
	}{
		"inline":          {fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Host, auth), true},
		"store":           {`{"credsStore":"test"}`, true},
		"helper":          {fmt.Sprintf(`{"credHelpers":{%q:"test"}}`, r.Host), true},
		"another host's":  {fmt.Sprintf(`{"auths":{"x.io":{"auth":%q}}}`, auth), false},
		"helper of other": {`{"credHelpers":{"x.io":"test"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("DOCKER_CONFIG", dir)
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			client, err := New(Options{Store: emptyStore(t)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Resolve(t.Context(), r.Host+"/none/x:1")
			if want := map[bool]int{true: http.StatusNotFound, false: http.StatusUnauthorized}[c.known]; status(err) != want {
				t.Errorf("status %d: %v", status(err), err)
			}
		})
	}
}
