package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// minRSA is the smallest RSA key that counts, in bits.
const minRSA = 2048

// parseKey reads a public key: in PEM form itself, or the name of a file that
// holds one.
func parseKey(text string, read func(string) ([]byte, error)) (namedKey, error) {
	name, data := "an inline key", []byte(text)
	if !strings.Contains(text, "-----BEGIN") {
		var err error
		name = text
		if data, err = read(text); err != nil {
			return namedKey{}, fmt.Errorf("key %s: %w", text, err)
		}
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return namedKey{}, fmt.Errorf("key %s: it is not in PEM form", name)
	}
	key, err := publicKey(block)
	if err != nil {
		return namedKey{}, fmt.Errorf("key %s: %w", name, err)
	}
	return namedKey{name, key}, nil
}

func publicKey(block *pem.Block) (crypto.PublicKey, error) {
	var key crypto.PublicKey
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		return nil, errors.New("it is a certificate; extract its public key")
	default:
		return nil, fmt.Errorf("it is a %s, not a public key", strings.ToLower(block.Type))
	}
	if err != nil {
		return nil, err
	}
	return key, usable(key)
}

func usable(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return fmt.Errorf("an RSA key of %d bits is too short", k.N.BitLen())
		}
		return nil
	default:
		return fmt.Errorf("keys of type %T are not supported", key)
	}
}

// verify tells whether sig is the signature of message by key. ECDSA keys sign
// with the hash that fits their curve, or with SHA-256, as cosign does.
func verify(key crypto.PublicKey, message, sig []byte) bool {
	sum := sha256.Sum256(message)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(k, sum[:], sig) {
			return true
		}
		sum384, sum512 := sha512.Sum384(message), sha512.Sum512(message)
		return k.Curve.Params().BitSize == 384 && ecdsa.VerifyASN1(k, sum384[:], sig) ||
			k.Curve.Params().BitSize == 521 && ecdsa.VerifyASN1(k, sum512[:], sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil ||
			rsa.VerifyPSS(k, crypto.SHA256, sum[:], sig, nil) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(k, message, sig)
	default:
		return false
	}
}
