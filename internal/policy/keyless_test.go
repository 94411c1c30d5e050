package policy

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// world is an authority and a log, and a key with a certificate that lives ten
// minutes.
type world struct {
	authority, log, key crypto.Signer
	root, cert          *x509.Certificate
	files               map[string][]byte
}

const (
	workflow = "https://code.example/team/app/.github/workflows/release.yml@refs/tags/v1"
	issuer   = "https://token.example"
)

var issued = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	var logPublic []byte
	w.authority, _ = newKey(t, "p384")
	w.log, logPublic = newKey(t, "p256")
	w.key, _ = newKey(t, "p256")
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: issued.AddDate(-1, 0, 0), NotAfter: issued.AddDate(9, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	w.root = certify(t, root, root, w.authority, w.authority)
	uri, err := url.Parse(workflow)
	if err != nil {
		t.Fatal(err)
	}
	who, err := asn1.Marshal(issuer)
	if err != nil {
		t.Fatal(err)
	}
	w.cert = certify(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: issued, NotAfter: issued.Add(10 * time.Minute), URIs: []*url.URL{uri},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: oidIssuer, Value: who}},
	}, w.root, w.key, w.authority)
	w.files = map[string][]byte{"ca.pem": certPEM(w.root), "log.pub": logPublic}
	return w
}

func certify(t *testing.T, c, parent *x509.Certificate, of, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, of.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// record is what the log says of a body.
func (w *world) record(t *testing.T, body any, when time.Time) logEntry {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(w.log.Public())
	if err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256(der)
	e := logEntry{Body: data, Time: when.Unix(), Index: 7, LogID: hex.EncodeToString(id[:])}
	promised := fmt.Sprintf(`{"body":%q,"integratedTime":%d,"logID":%q,"logIndex":7}`, base64.StdEncoding.EncodeToString(data), e.Time, e.LogID)
	e.Promise = sign(t, w.log, []byte(promised))
	return e
}

// signed is a payload signed by cosign without a lasting key.
func (w *world) signed(t *testing.T, payload []byte, when time.Time) signedPayload {
	t.Helper()
	p := simple(t, w.key, payload)
	sum := sha256.Sum256(payload)
	e := w.record(t, map[string]any{"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": map[string]any{
		"data":      map[string]any{"hash": hashValue{"sha256", hex.EncodeToString(sum[:])}},
		"signature": map[string]any{"content": p.annotations[annotationSignature], "publicKey": map[string]any{"content": certPEM(w.cert)}},
	}}, when)
	return w.withRecord(t, p, e)
}

func (w *world) withRecord(t *testing.T, p signedPayload, e logEntry) signedPayload {
	t.Helper()
	logged, err := json.Marshal(map[string]any{"SignedEntryTimestamp": e.Promise, "Payload": map[string]any{
		"body": e.Body, "integratedTime": e.Time, "logIndex": e.Index, "logID": e.LogID,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.annotations[annotationCert] = string(certPEM(w.cert))
	p.annotations[annotationLogged] = string(logged)
	return p
}

func (w *world) policy(t *testing.T, subject, issuer string) *Policy {
	t.Helper()
	return parse(t, fmt.Sprintf("trust: {certificates: [ca.pem], log: [log.pub]}\nrules: [{images: ['**'], identities: [{subject: %q, issuer: %q}]}]", subject, issuer), w.files)
}

func TestKeyless(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	d := found(t, newStore(t)).Root.Digest
	payload := simplePayload("x.io/team/app", d)
	now := issued.Add(time.Minute)
	anyone := "https://code.example/team/app/**"
	without := func(name string) signedPayload {
		p := w.signed(t, payload, now)
		delete(p.annotations, name)
		return p
	}
	for name, c := range map[string]struct {
		subject, issuer string
		p               signedPayload
		want            string
	}{
		"good":                 {anyone, issuer, w.signed(t, payload, now), ""},
		"exact subject":        {workflow, issuer, w.signed(t, payload, now), ""},
		"another subject":      {"https://code.example/other/**", issuer, w.signed(t, payload, now), "a signature is by " + workflow},
		"another issuer":       {anyone, "https://evil.example", w.signed(t, payload, now), "a signature is by"},
		"after expiry":         {anyone, issuer, w.signed(t, payload, issued.Add(time.Hour)), "not trusted"},
		"another authority":    {anyone, issuer, stranger.signed(t, payload, now), "log that is not trusted"},
		"no record":            {anyone, issuer, without(annotationLogged), "no record"},
		"no certificate":       {anyone, issuer, without(annotationCert), "by another key"},
		"record of another":    {anyone, issuer, w.withRecord(t, simple(t, w.key, payload), w.record(t, map[string]any{"kind": "hashedrekord"}, now)), "about another signature"},
		"record of other kind": {anyone, issuer, w.withRecord(t, simple(t, w.key, payload), w.record(t, map[string]any{"kind": "rpm"}, now)), `of kind "rpm"`},
		"forged promise":       {anyone, issuer, w.withRecord(t, simple(t, w.key, payload), forged(w.record(t, map[string]any{}, now))), "not signed by it"},
		"payload changed":      {anyone, issuer, signedPayload{append([]byte(" "), payload...), w.signed(t, payload, now).annotations}, "does not fit its certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			f := found(t, s)
			cosign(t, s, d, c.p)
			err := (&Checker{Policy: w.policy(t, c.subject, c.issuer), Store: s}).Check(t.Context(), f)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func forged(e logEntry) logEntry {
	e.Time++
	return e
}

// Bundles hold certificate and record in members of their own.
func TestKeylessBundle(t *testing.T) {
	w := newWorld(t)
	d := found(t, newStore(t)).Root.Digest
	payload := statementAbout(d, predicateCosignSign)
	sum := sha256.Sum256(payload)
	hash := hashValue{"sha256", hex.EncodeToString(sum[:])}
	for _, kind := range []string{"dsse", "intoto"} {
		t.Run(kind, func(t *testing.T) {
			plain := bundleOf(t, w.key, payload, "{}")
			var b bundle
			if err := json.Unmarshal(plain, &b); err != nil {
				t.Fatal(err)
			}
			sig := b.Envelope.Signatures[0].Sig
			spec := map[string]any{"payloadHash": hash, "signatures": []any{map[string]any{"signature": sig, "verifier": certPEM(w.cert)}}}
			if kind == "intoto" {
				twice := []byte(base64.StdEncoding.EncodeToString(sig))
				spec = map[string]any{"content": map[string]any{"payloadHash": hash, "envelope": map[string]any{
					"signatures": []any{map[string]any{"sig": twice, "publicKey": certPEM(w.cert)}}}}}
			}
			e := w.record(t, map[string]any{"kind": kind, "spec": spec}, issued.Add(time.Minute))
			id, _ := hex.DecodeString(e.LogID)
			material, err := json.Marshal(map[string]any{
				"certificate": map[string]any{"rawBytes": w.cert.Raw},
				"tlogEntries": []any{map[string]any{"logIndex": "7", "logId": map[string]any{"keyId": id}, "integratedTime": fmt.Sprint(e.Time),
					"inclusionPromise": map[string]any{"signedEntryTimestamp": e.Promise}, "canonicalizedBody": e.Body}},
			})
			if err != nil {
				t.Fatal(err)
			}
			whole := strings.Replace(string(plain), `"verificationMaterial":{}`, `"verificationMaterial":`+string(material), 1)
			s := newStore(t)
			f := found(t, s)
			bundled(t, s, d, []byte(whole))
			if err := (&Checker{Policy: w.policy(t, workflow, issuer), Store: s}).Check(t.Context(), f); err != nil {
				t.Error(err)
			}
		})
	}
}
