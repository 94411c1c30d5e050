//go:build linux

package buildkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/pkglib"
)

// writeCertificates makes an authority and a certificate of it for server and
// client, called as docker calls them.
func writeCertificates(t *testing.T, dir string) {
	t.Helper()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey := writePair(t, dir, "ca", ca, ca, nil)
	writePair(t, dir, "cert", &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "x"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, ca, caKey)
	if err := os.Rename(filepath.Join(dir, "cert-key.pem"), filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
}

func writePair(t *testing.T, dir, name string, cert, parent *x509.Certificate, signer *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + "-key.pem": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startTLS runs a daemon that wants certificates; dir has those for clients.
func startTLS(t *testing.T) (address, dir string) {
	t.Helper()
	dir, address = t.TempDir(), "tcp://"+freePort(t)
	writeCertificates(t, dir)
	file := func(name string) string { return filepath.Join(dir, name) }
	startDaemon(t, "--addr", address, "--tlscacert", file("ca.pem"), "--tlscert", file("cert.pem"), "--tlskey", file("key.pem"))
	return address, dir
}

func TestTLS(t *testing.T) {
	needTools(t)
	base, app := packages(t)
	address, dir := startTLS(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	s := newCache(t, base)
	t.Setenv("BUILDKIT_HOST", address+"?tlsdir="+dir)
	if _, err := build(t.Context(), s, app); err != nil {
		t.Fatal(err)
	}
	checkApp(t, s, app)
	for _, refused := range []string{"?cacert=" + file("ca.pem"), "?servername=other&tlsdir=" + dir} {
		t.Setenv("BUILDKIT_HOST", address+refused)
		if _, err := build(t.Context(), s, app, pkglib.WithBuildForce()); err == nil || !strings.Contains(err.Error(), "could not communicate with BuildKit") {
			t.Errorf("%s: %v", refused, err)
		}
	}
}

// A daemon that is killed during a build is replaced by another.
func TestLost(t *testing.T) {
	needTools(t)
	base, app := packages(t)
	dir := shortDir(t)
	first, second := "unix://"+dir+"/1.sock", "unix://"+dir+"/2.sock"
	victim := startDaemon(t, "--addr", first)
	startDaemon(t, "--addr", second)
	s := newCache(t, base)
	var log lockedBuffer
	go func() {
		for range 600 {
			if strings.Contains(log.String(), "RUN --network=none") {
				time.Sleep(500 * time.Millisecond)
				victim.cmd.Process.Kill()
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	p := pausing{runner: pkglib.NewDockerRunner(true, pkglib.BuilderConfig{})}
	defer p.runner.Close(t.Context())
	_, err := build(t.Context(), s, app, pkglib.WithBuildDocker(&p), pkglib.WithProgressWriter(&log), pkglib.WithBuildBuilders(map[string]string{host: first + "," + second}))
	if err != nil || p.builds != 2 {
		t.Fatalf("%d builds, %v\n%s", p.builds, err, log.String())
	}
	checkApp(t, s, app)
	_, err = build(t.Context(), s, app, pkglib.WithBuildForce(), pkglib.WithBuildBuilders(map[string]string{host: first}))
	if err == nil || !strings.Contains(err.Error(), first[len("unix://"):]) {
		t.Errorf("with the lost daemon only: %v", err)
	}
}
