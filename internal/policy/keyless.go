package policy

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// trustRoot is whom signatures without a lasting key are trusted by: an
// authority for certificates that live some minutes, and a log that says when
// they were used.
type trustRoot struct {
	roots *x509.CertPool
	// logs are the keys of the log by their identifiers.
	logs map[string]crypto.PublicKey
}

// identity is who may sign.
type identity struct {
	subject         *regexp.Regexp
	pattern, issuer string
}

func (i identity) String() string { return i.pattern + " (" + i.issuer + ")" }

func parseIdentity(f fileIdentity) (identity, error) {
	if f.Subject == "" || f.Issuer == "" {
		return identity{}, errors.New("an identity needs subject and issuer")
	}
	re, err := patterns([]string{f.Subject})
	if err != nil {
		return identity{}, err
	}
	return identity{re[0], f.Subject, f.Issuer}, nil
}

func parseTrust(f fileTrust, read func(string) ([]byte, error)) (*trustRoot, error) {
	if len(f.Certificates)+len(f.Log) == 0 {
		return nil, nil
	}
	if len(f.Certificates) == 0 || len(f.Log) == 0 {
		return nil, errors.New("certificates and log belong together")
	}
	t := &trustRoot{roots: x509.NewCertPool(), logs: map[string]crypto.PublicKey{}}
	for _, name := range f.Certificates {
		data, err := read(name)
		if err != nil {
			return nil, err
		}
		if !t.roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", name)
		}
	}
	for _, name := range f.Log {
		k, err := parseKey(name, read)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(k.key)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
		id := sha256.Sum256(der)
		t.logs[hex.EncodeToString(id[:])] = k.key
	}
	return t, nil
}

// logEntry is the record of a signature in a transparency log of the Rekor
// kind, with the log's promise to include it.
type logEntry struct {
	Body    []byte
	Time    int64
	Index   int64
	LogID   string
	Promise []byte
}

// cosignLogged reads the record that cosign keeps in an annotation.
func cosignLogged(text string) (*logEntry, error) {
	if text == "" {
		return nil, nil
	}
	var b struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body           []byte `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"`
		}
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return nil, fmt.Errorf("annotation %s: %w", annotationLogged, err)
	}
	return &logEntry{b.Payload.Body, b.Payload.IntegratedTime, b.Payload.LogIndex, b.Payload.LogID, b.SignedEntryTimestamp}, nil
}

// pemCertificates reads a certificate and those that it was issued by.
func pemCertificates(leaf, chain string) (cert []byte, rest [][]byte, err error) {
	if len(leaf)+len(chain) > maxCertificateLength {
		return nil, nil, errors.New("certificates are too long")
	}
	if leaf == "" {
		return nil, nil, nil
	}
	block, _ := pem.Decode([]byte(leaf))
	if block == nil {
		return nil, nil, errors.New("the certificate is not in PEM form")
	}
	for data := []byte(chain); ; {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return block.Bytes, rest, nil
		}
		rest = append(rest, b.Bytes)
	}
}

// verify tells whether one of the identities made a signature: the log says
// that it was made while the certificate was valid, the certificate is of the
// authority, and it is for the identity.
func (t *trustRoot) verify(s signature, who []identity) error {
	cert, err := x509.ParseCertificate(s.certificate)
	if err != nil {
		return fmt.Errorf("a certificate cannot be read: %w", err)
	}
	if usable(cert.PublicKey) != nil || !verify(cert.PublicKey, s.signed, s.sig) {
		return errors.New("a signature does not fit its certificate")
	}
	if err := t.inLog(s, cert); err != nil {
		return err
	}
	if err := t.issued(s, cert); err != nil {
		return fmt.Errorf("a certificate is not trusted: %w", err)
	}
	names, issuer := subjects(cert), issuerOf(cert)
	for _, i := range who {
		if i.issuer == issuer && anyMatch([]*regexp.Regexp{i.subject}, names...) {
			return nil
		}
	}
	return fmt.Errorf("a signature is by %s (%s)", strings.Join(names, ", "), issuer)
}

func (t *trustRoot) issued(s signature, cert *x509.Certificate) error {
	between := x509.NewCertPool()
	for _, der := range s.chain {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: between, CurrentTime: time.Unix(s.logged.Time, 0),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	return err
}

// inLog checks the promise of the log, and that it is about this signature by
// this certificate.
func (t *trustRoot) inLog(s signature, cert *x509.Certificate) error {
	if s.logged == nil {
		return errors.New("a signature has no record of a transparency log")
	}
	key := t.logs[s.logged.LogID]
	if key == nil {
		return errors.New("a signature is in a transparency log that is not trusted")
	}
	promised, err := json.Marshal(struct { // members in the order of canonical JSON
		Body           []byte `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogID          string `json:"logID"`
		LogIndex       int64  `json:"logIndex"`
	}{s.logged.Body, s.logged.Time, s.logged.LogID, s.logged.Index})
	if err != nil || !verify(key, promised, s.logged.Promise) {
		return errors.New("the record of a transparency log is not signed by it")
	}
	return s.logged.about(s, cert)
}

// entryBody is what a log records: of kind hashedrekord the signed bytes, of
// kind dsse or intoto an envelope.
type entryBody struct {
	Kind string `json:"kind"`
	Spec struct {
		Data struct {
			Hash hashValue `json:"hash"`
		} `json:"data"`
		Signature struct {
			Content   []byte `json:"content"`
			PublicKey struct {
				Content []byte `json:"content"`
			} `json:"publicKey"`
		} `json:"signature"`
		PayloadHash hashValue `json:"payloadHash"`
		Signatures  []struct {
			Signature []byte `json:"signature"`
			Verifier  []byte `json:"verifier"`
		} `json:"signatures"`
		Content struct {
			PayloadHash hashValue `json:"payloadHash"`
			Envelope    struct {
				Signatures []struct {
					Sig       []byte `json:"sig"`
					PublicKey []byte `json:"publicKey"`
				} `json:"signatures"`
			} `json:"envelope"`
		} `json:"content"`
	} `json:"spec"`
}

// recorded returns the hash, the signature and the certificate of an entry.
func (e entryBody) recorded() (hash hashValue, sig, verifier []byte, err error) {
	switch {
	case e.Kind == "hashedrekord":
		s := e.Spec.Signature
		return e.Spec.Data.Hash, s.Content, s.PublicKey.Content, nil
	case e.Kind == "dsse" && len(e.Spec.Signatures) == 1:
		s := e.Spec.Signatures[0]
		return e.Spec.PayloadHash, s.Signature, s.Verifier, nil
	case e.Kind == "intoto" && len(e.Spec.Content.Envelope.Signatures) == 1:
		s := e.Spec.Content.Envelope.Signatures[0]
		// This kind encodes the signature twice.
		sig, err := base64.StdEncoding.DecodeString(string(s.Sig))
		return e.Spec.Content.PayloadHash, sig, s.PublicKey, err
	default:
		return hash, nil, nil, fmt.Errorf("the record of a transparency log is of kind %q", e.Kind)
	}
}

type hashValue struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"value"`
}

func (l logEntry) about(s signature, cert *x509.Certificate) error {
	var body entryBody
	if err := json.Unmarshal(l.Body, &body); err != nil {
		return fmt.Errorf("the record of a transparency log cannot be read: %w", err)
	}
	hash, sig, verifier, err := body.recorded()
	if err != nil {
		return err
	}
	block, _ := pem.Decode(verifier)
	sum := sha256.Sum256(s.payload)
	if block == nil || !bytes.Equal(block.Bytes, cert.Raw) || !bytes.Equal(sig, s.sig) ||
		hash.Algorithm != "sha256" || hash.Value != hex.EncodeToString(sum[:]) {
		return errors.New("the record of a transparency log is about another signature")
	}
	return nil
}

// subjects are the names that a certificate is for.
func subjects(cert *x509.Certificate) []string {
	names := append([]string{}, cert.EmailAddresses...)
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	return names
}

// The extensions in which Fulcio says who vouched for the subject.
var (
	oidIssuer    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	oidIssuerOld = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
)

func issuerOf(cert *x509.Certificate) string {
	old := ""
	for _, e := range cert.Extensions {
		var text string
		if e.Id.Equal(oidIssuer) {
			if rest, err := asn1.Unmarshal(e.Value, &text); err == nil && len(rest) == 0 {
				return text
			}
		}
		if e.Id.Equal(oidIssuerOld) {
			old = string(e.Value)
		}
	}
	return old
}
