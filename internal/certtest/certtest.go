// Package certtest makes certificates for servers and clients of tests.
package certtest

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
	"time"
)

// Write makes an authority, ca.pem, and a certificate of it, cert.pem and
// key.pem, for a server at that address or localhost, and for its clients. They
// are valid for an hour.
func Write(dir string, address net.IP) error {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	host := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "host"}, IPAddresses: []net.IP{address}, DNSNames: []string{"localhost"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	hostKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := sign(filepath.Join(dir, "ca.pem"), authority, authority, authorityKey, authorityKey); err != nil {
		return err
	}
	if err := sign(filepath.Join(dir, "cert.pem"), host, authority, hostKey, authorityKey); err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(hostKey)
	if err != nil {
		return err
	}
	return encode(filepath.Join(dir, "key.pem"), "EC PRIVATE KEY", der)
}

// sign writes the certificate of key, signed by the parent's.
func sign(file string, c, parent *x509.Certificate, key, by *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		return err
	}
	return encode(file, "CERTIFICATE", der)
}

func encode(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
