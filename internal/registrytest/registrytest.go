// Package registrytest runs a real image registry, Debian's docker-registry,
// for tests. It owns the process and its files for the life of a test.
package registrytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What a registry with accounts knows.
const (
	User     = "user"
	Password = "secret:word"
	// account is the line of htpasswd for them.
	account = "user:$2y$05$O5rqsWZ011vY6ZY/l0cPyuHsRLWuWxdiJ4eO289IrKb8YXo2DtVTa"
)

// Options choose what a registry demands.
type Options struct {
	// TLS encrypts with a certificate of an authority of its own.
	TLS bool
	// Accounts lets only [User] in.
	Accounts bool
}

// Registry is a registry that runs.
type Registry struct {
	// Host is its address with port.
	Host string
	// CertFile is the authority's certificate, empty without TLS.
	CertFile string
	// Dir is where it keeps what it is sent.
	Dir string
}

// Start runs a registry until the test ends. Without docker-registry the test
// is skipped.
func Start(t testing.TB, o Options) *Registry {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("no docker-registry; Debian has it in the package of that name")
	}
	dir := t.TempDir()
	r := &Registry{Host: freeAddress(t), Dir: filepath.Join(dir, "data")}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp:\n  addr: %s\n  secret: x\n", r.Dir, r.Host)
	if o.TLS {
		r.CertFile = filepath.Join(dir, "ca.pem")
		issue(t, dir)
		config += fmt.Sprintf("  tls: {certificate: %q, key: %q}\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	}
	if o.Accounts {
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", write(t, dir, "htpasswd", []byte(account+"\n")))
	}
	r.run(t, exec.Command(program, "serve", write(t, dir, "config.yml", []byte(config))))
	return r
}

func (r *Registry) run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	// It only matters that something answers.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for range 200 {
		if resp, err := client.Get(r.URL() + "/v2/"); err == nil {
			resp.Body.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("docker-registry: %v\n%s", err, &log)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("docker-registry does not answer\n%s", &log)
}

// URL is the address of the registry with its scheme.
func (r *Registry) URL() string {
	if r.CertFile != "" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issue writes an authority, and a certificate of it for this host.
func issue(t testing.TB, dir string) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	host := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "registry"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authorityKey, hostKey := newKey(t), newKey(t)
	encode(t, dir, "ca.pem", "CERTIFICATE", sign(t, authority, authority, &authorityKey.PublicKey, authorityKey))
	encode(t, dir, "cert.pem", "CERTIFICATE", sign(t, host, authority, &hostKey.PublicKey, authorityKey))
	der, err := x509.MarshalECPrivateKey(hostKey)
	if err != nil {
		t.Fatal(err)
	}
	encode(t, dir, "key.pem", "EC PRIVATE KEY", der)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, c, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(t testing.TB, dir, name, kind string, der []byte) {
	t.Helper()
	write(t, dir, name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
