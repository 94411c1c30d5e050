package dockerengine

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/content"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := func(name string) string { sum := sha256.Sum256([]byte(name)); return hex.EncodeToString(sum[:]) }
	write("config.json", `{"currentContext":"far"}`)
	write("contexts/meta/"+id("far")+"/meta.json", `{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":true}}}`)
	write("contexts/tls/"+id("far")+"/docker/ca.pem", "x")
	write("contexts/meta/"+id("none")+"/meta.json", `{"Endpoints":{"kubernetes":{"Host":"x"}}}`)
	far := endpoint{host: "tcp://far:2376", certs: filepath.Join(dir, "contexts/tls", id("far"), "docker"), anyServer: true}
	for _, c := range []struct {
		name, context string
		env           map[string]string
		want          endpoint
		err           string
	}{
		{"current context", "", nil, far, ""},
		{"named context", "far", map[string]string{"DOCKER_HOST": "tcp://x:1"}, far, ""},
		{"context of the environment", "", map[string]string{"DOCKER_CONTEXT": "far"}, far, ""},
		{"host over contexts", "", map[string]string{"DOCKER_HOST": "tcp://x:1", "DOCKER_CONTEXT": "far"}, endpoint{host: "tcp://x:1"}, ""},
		{"default context", "default", nil, endpoint{host: defaultHost}, ""},
		{"verified", "", map[string]string{"DOCKER_HOST": "tcp://x:1", "DOCKER_TLS_VERIFY": "1"}, endpoint{host: "tcp://x:1", certs: dir}, ""},
		{"certificates", "", map[string]string{"DOCKER_HOST": "tcp://x:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"}, endpoint{host: "tcp://x:1", certs: "/c"}, ""},
		{"unknown context", "other", nil, endpoint{}, `docker context "other" not found`},
		{"context of another kind", "none", nil, endpoint{}, "has no docker endpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := find(c.context, func(name string) string {
				if name == "DOCKER_CONFIG" {
					return dir
				}
				return c.env[name]
			})
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) || got != c.want {
				t.Errorf("find = %+v, %v", got, err)
			}
		})
	}
}

func TestSSHArgs(t *testing.T) {
	got, err := sshArgs("ssh://me@far:2222")
	if err != nil || !slices.Equal(got[len(got)-9:], []string{"-l", "me", "-p", "2222", "--", "far", "docker", "system", "dial-stdio"}) {
		t.Errorf("sshArgs = %q, %v", got, err)
	}
	for _, bad := range []string{"ssh://", "ssh://me:secret@far", "ssh://far/path"} {
		if _, err := sshArgs(bad); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	// What looks like an option is a host name.
	if got, err := sshArgs("ssh://-oProxyCommand=x"); err == nil && got[len(got)-5] != "--" {
		t.Errorf("sshArgs = %q", got)
	}
}

// An ssh program that runs what it is told on this host.
func TestSSH(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"Id":"sha256:1","Os":"linux","Architecture":"amd64"}`)
	}))
	socket := filepath.Join(t.TempDir(), "s")
	var err error
	if s.Listener, err = net.Listen("unix", socket); err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Close()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec env DIAL_STDIO=%s %s\n", socket, self)
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if info, err := engineAt(t, "ssh://far").Inspect(t.Context(), "x"); err != nil || info.ID != "sha256:1" {
		t.Errorf("Inspect = %+v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\necho no such host >&2\nexit 255\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := engineAt(t, "ssh://far").Inspect(t.Context(), "x"); err == nil {
		t.Error("ssh failed unnoticed")
	}
}

// TestMain also plays `docker system dial-stdio`.
func TestMain(m *testing.M) {
	socket := os.Getenv("DIAL_STDIO")
	if socket == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		os.Exit(1)
	}
	go func() { _, _ = io.Copy(c, os.Stdin) }()
	_, _ = io.Copy(os.Stdout, c)
	os.Exit(0)
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"Id":"sha256:1","Architecture":%q}`, fmt.Sprint(len(r.TLS.PeerCertificates)))
	}))
	defer s.Close()
	host := strings.Replace(s.URL, "https", "tcp", 1)
	certs := t.TempDir()
	writePEM(t, filepath.Join(certs, "ca.pem"), "CERTIFICATE", s.Certificate().Raw)
	inspect := func(e endpoint) (Info, error) {
		engine, err := connect(e)
		if err != nil {
			t.Fatal(err)
		}
		return engine.Inspect(t.Context(), "x")
	}
	if _, err := inspect(endpoint{host: host, certs: certs}); err != nil {
		t.Error(err)
	}
	if _, err := inspect(endpoint{host: host, certs: t.TempDir()}); err == nil {
		t.Error("an unknown authority was trusted")
	}
	if _, err := inspect(endpoint{host: host}); err == nil {
		t.Error("an encrypted engine was talked to without encryption")
	}
	if err := os.WriteFile(filepath.Join(certs, "ca.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(endpoint{host: host, certs: certs}); err == nil {
		t.Error("a file without certificate was accepted")
	}
}

// A client certificate is shown if there is one.
func TestClientCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certs := t.TempDir()
	writePEM(t, filepath.Join(certs, "cert.pem"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(certs, "key.pem"), "EC PRIVATE KEY", private)
	config, err := tlsConfig(endpoint{certs: certs})
	if err != nil || len(config.Certificates) != 1 || config.InsecureSkipVerify {
		t.Errorf("tlsConfig = %+v, %v", config, err)
	}
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever an engine does wrong means that the image is not there, and never
// that something wrong is in the store under its name.
func TestFailingEngines(t *testing.T) {
	inspect := `{"Id":"sha256:1","Os":"linux","Architecture":"amd64"}`
	for name, c := range map[string]struct {
		inspect string
		get     http.HandlerFunc
	}{
		"broken JSON":  {"{", nil},
		"no image":     {inspect, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }},
		"no archive":   {inspect, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") }},
		"empty":        {inspect, func(http.ResponseWriter, *http.Request) {}},
		"breaking off": {inspect, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 600)); panic(http.ErrAbortHandler) }},
		"huge answer":  {strings.Repeat(" ", maxAnswer) + inspect, nil},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if strings.HasSuffix(r.URL.Path, "/get") {
					c.get(w, r)
					return
				}
				io.WriteString(w, c.inspect)
			}))
			defer s.Close()
			source := &Source{Engine: engineAt(t, strings.Replace(s.URL, "http", "tcp", 1)), Store: newStore(t)}
			if _, err := source.Find(t.Context(), "x.io/a:1", amd64); !errors.Is(err, content.ErrNotFound) {
				t.Errorf("Find: %v", err)
			}
		})
	}
}

func TestSilentEngine(t *testing.T) {
	source := &Source{Engine: engineAt(t, "unix://"+filepath.Join(t.TempDir(), "none")), Store: newStore(t)}
	for range 2 {
		if _, err := source.Find(t.Context(), "x.io/a:1", amd64); !errors.Is(err, content.ErrNotFound) {
			t.Errorf("Find: %v", err)
		}
	}
	if source.silent == nil {
		t.Error("the engine would be asked for every image")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	source.silent = nil
	if _, err := source.Find(ctx, "x.io/a:1", amd64); errors.Is(err, content.ErrNotFound) || source.silent != nil {
		t.Errorf("cancelled: %v", err)
	}
	for _, bad := range []string{"", "docker", "npipe:////./pipe/docker_engine"} {
		if _, err := connect(endpoint{host: bad}); err == nil {
			t.Errorf("host %q was accepted", bad)
		}
	}
}

func TestLoadComplaint(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"stream":"half done"}{"error":"disk full"}`)
	}))
	defer s.Close()
	err := engineAt(t, s.URL).Load(t.Context(), bytes.NewReader(nil))
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("Load: %v", err)
	}
}
