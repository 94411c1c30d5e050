package policy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

func TestParseRefuses(t *testing.T) {
	_, public := newKey(t, "p256")
	_, short := newKey(t, "short")
	files := map[string][]byte{"a.pub": public, "short.pub": short, "text": []byte("x"), "private": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":           {"rules: [", "policy.yml"},
		"unknown member":    {"rule: []", "rule"},
		"default":           {"default: maybe", "neither reject nor accept"},
		"builds":            {"builds: maybe", "neither exempt nor check"},
		"no images":         {"rules: [{keys: [a.pub]}]", "at least one pattern"},
		"empty pattern":     {"rules: [{images: [''], keys: [a.pub]}]", "pattern is empty"},
		"no demand":         {"rules: [{images: [a]}]", "demands nothing"},
		"two things":        {"rules: [{images: [a], action: accept, keys: [a.pub]}]", "exclude each other"},
		"action":            {"rules: [{images: [a], action: maybe}]", "neither accept nor reject"},
		"missing key":       {"rules: [{images: [a], keys: [b.pub]}]", "b.pub"},
		"no key":            {"rules: [{images: [a], keys: [text]}]", "not in PEM form"},
		"private key":       {"rules: [{images: [a], keys: [private]}]", "not a public key"},
		"short key":         {"rules: [{images: [a], keys: [short.pub]}]", "too short"},
		"digest":            {"rules: [{images: [a], digests: ['sha256:x']}]", "digest"},
		"signed-as alone":   {"rules: [{images: [a], digests: ['sha256:" + strings.Repeat("0", 64) + "'], signed-as: [b]}]", "signed-as needs"},
		"identity, no root": {"rules: [{images: [a], identities: [{subject: s, issuer: i}]}]", "trust root"},
		"half an identity":  {"rules: [{images: [a], identities: [{subject: s}]}]", "subject and issuer"},
		"half a root":       {"trust: {log: [a.pub]}", "belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(c.text), "policy.yml", reader(files)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse: %v", err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	_, public := newKey(t, "p256")
	for name, data := range map[string][]byte{"keys/a.pub": public, "policy.yml": []byte("rules: [{images: ['**'], keys: [keys/a.pub]}]"), "huge.yml": make([]byte, maxFile+1)} {
		path := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := Load(filepath.Join(dir, "policy.yml")); err != nil || len(p.rules) != 1 {
		t.Errorf("Load = %+v, %v", p, err)
	}
	for _, bad := range []string{"huge.yml", "none.yml"} {
		if _, err := Load(filepath.Join(dir, bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, ref string
		want         bool
	}{
		{"docker.io/library/alpine", "alpine", true},
		{"docker.io/library/alpine", "alpine:3", true},
		{"docker.io/library/alpine", "index.docker.io/library/alpine:3", true},
		{"docker.io/library/alpine:3", "alpine:3", true},
		{"docker.io/library/alpine:3", "alpine:4", false},
		{"docker.io/library/alpine:latest", "alpine", true},
		{"docker.io/library/*", "alpine:3", true},
		{"docker.io/*", "alpine:3", false},
		{"docker.io/**", "alpine:3", true},
		{"x.io/team/*", "x.io/team/a/b", false},
		{"x.io/team/**", "x.io/team/a/b", true},
		{"x.io/team", "x.io/team.evil/a", false},
		{"x.io/team/*", "x.io/team/a:v1", true},
		{"*.x.io/a", "evil.io/b.x.io/a", false},
		{"x.io/a.b", "x.io/a-b", false},
		{"**", "x.io/a@sha256:" + strings.Repeat("0", 64), true},
	} {
		p := parse(t, "rules: [{images: ['"+c.pattern+"'], action: accept}]", nil)
		name, err := reference.Parse(c.ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.rule(name) != nil; got != c.want {
			t.Errorf("%s matches %s: %v", c.pattern, c.ref, got)
		}
	}
}

// The first rule that matches decides.
func TestRules(t *testing.T) {
	s := newStore(t)
	f := found(t, s)
	other := digest.FromString("other").String()
	for name, c := range map[string]struct{ text, want string }{
		"no rule":                {"rules: []", "no rule is about it"},
		"empty":                  {"{}", "no rule is about it"},
		"default":                {"default: accept", ""},
		"accept":                 {"rules: [{images: [x.io/team/*], action: accept}]", ""},
		"reject":                 {"default: accept\nrules: [{name: no team, images: [x.io/team/*], action: reject}]", "rule 1 (no team) rejects it"},
		"first counts":           {"rules: [{images: ['**'], action: reject}, {images: ['**'], action: accept}]", "rule 1 rejects it"},
		"digest of the index":    {"rules: [{images: ['**'], digests: ['" + f.Root.Digest.String() + "']}]", ""},
		"digest of the manifest": {"rules: [{images: ['**'], digests: ['" + other + "', '" + f.Manifest.Digest.String() + "']}]", ""},
		"another digest":         {"rules: [{images: ['**'], digests: ['" + other + "']}]", "demands another digest"},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&Checker{Policy: parse(t, c.text, nil), Store: s}).Check(t.Context(), f)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), ref)):
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func TestBuilds(t *testing.T) {
	s := newStore(t)
	f := found(t, s)
	f.Built = true
	if err := (&Checker{Policy: parse(t, "{}", nil), Store: s}).Check(t.Context(), f); err != nil {
		t.Error(err)
	}
	if err := (&Checker{Policy: parse(t, "builds: check", nil), Store: s}).Check(t.Context(), f); !errors.Is(err, ErrRefused) {
		t.Errorf("Check: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for _, kind := range []string{"p256", "p384", "rsa", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			key, public := newKey(t, kind)
			files := map[string][]byte{"a.pub": public}
			p := parse(t, "rules: [{images: [x.io/team/app], keys: [a.pub]}]", files)
			for _, on := range []string{"index", "manifest"} {
				s := newStore(t)
				f := found(t, s)
				d := f.Root.Digest
				if on == "manifest" {
					d = f.Manifest.Digest
				}
				check := &Checker{Policy: p, Store: s}
				if err := check.Check(t.Context(), f); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "there is none") {
					t.Errorf("unsigned: %v", err)
				}
				cosign(t, s, d, simple(t, key, simplePayload("x.io/team/app", d)))
				if err := check.Check(t.Context(), f); err != nil {
					t.Errorf("signature of the %s: %v", on, err)
				}
				s = newStore(t)
				f = found(t, s)
				bundled(t, s, d, bundleOf(t, key, statementAbout(d, predicateCosignSign), `{"publicKey":{"hint":"x"}}`))
				if err := (&Checker{Policy: p, Store: s}).Check(t.Context(), f); err != nil {
					t.Errorf("bundle about the %s: %v", on, err)
				}
			}
		})
	}
}

func TestWrongSignatures(t *testing.T) {
	key, public := newKey(t, "p256")
	other, _ := newKey(t, "p256")
	p := parse(t, "rules: [{images: [x.io/team/app], keys: [a.pub]}]", map[string][]byte{"a.pub": public})
	d := found(t, newStore(t)).Root.Digest
	good := simplePayload("x.io/team/app", d)
	for name, c := range map[string]struct {
		with func(s *content.Store)
		want string
	}{
		"another key": {func(s *content.Store) { cosign(t, s, d, simple(t, other, good)) }, "by another key"},
		"another digest": {func(s *content.Store) {
			cosign(t, s, d, simple(t, key, simplePayload("x.io/team/app", digest.FromString("x"))))
		}, "is about"},
		"another repository": {func(s *content.Store) { cosign(t, s, d, simple(t, key, simplePayload("x.io/team/other", d))) }, "is for x.io/team/other"},
		"another type":       {func(s *content.Store) { cosign(t, s, d, simple(t, key, []byte(`{"critical":{"type":"atomic"}}`))) }, "of type"},
		"changed payload": {func(s *content.Store) {
			cosign(t, s, d, signedPayload{append(good, ' '), simple(t, key, good).annotations})
		}, "by another key"},
		"no signature": {func(s *content.Store) { cosign(t, s, d, signedPayload{good, nil}) }, "by another key"},
		"no base64": {func(s *content.Store) {
			cosign(t, s, d, signedPayload{good, map[string]string{annotationSignature: "!"}})
		}, "annotation"},
		"SBOM": {func(s *content.Store) {
			bundled(t, s, d, bundleOf(t, key, statementAbout(d, "https://spdx.dev/Document"), "{}"))
		}, "not about signing"},
		"bundle about another": {func(s *content.Store) {
			bundled(t, s, d, bundleOf(t, key, statementAbout(digest.FromString("x"), predicateCosignSign), "{}"))
		}, "is about"},
		"bundle by another": {func(s *content.Store) {
			bundled(t, s, d, bundleOf(t, other, statementAbout(d, predicateCosignSign), "{}"))
		}, "by another key"},
		"broken bundle": {func(s *content.Store) { bundled(t, s, d, []byte("{")) }, "bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			f := found(t, s)
			c.with(s)
			err := (&Checker{Policy: p, Store: s}).Check(t.Context(), f)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a.pub") {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

// What is no signature, or none that can be read, does not hide one that is.
func TestAmongOthers(t *testing.T) {
	key, public := newKey(t, "p256")
	p := parse(t, "rules: [{images: ['**'], keys: [a.pub]}]", map[string][]byte{"a.pub": public})
	for _, kind := range []string{"cosign", "bundle"} {
		s := newStore(t)
		f := found(t, s)
		d := f.Root.Digest
		if kind == "cosign" {
			cosign(t, s, d, signedPayload{[]byte("{"), nil}, simple(t, key, simplePayload("x.io/team/app", d)))
		} else {
			bundled(t, s, d, []byte("{"), bundleOf(t, key, statementAbout(d, "https://spdx.dev/Document"), "{}"), bundleOf(t, key, statementAbout(d, predicateCosignSign), "{}"))
		}
		if err := (&Checker{Policy: p, Store: s}).Check(t.Context(), f); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// An image that was copied keeps the signature that names where it was made.
func TestSignedAs(t *testing.T) {
	key, public := newKey(t, "ed25519")
	s := newStore(t)
	f := found(t, s)
	cosign(t, s, f.Root.Digest, simple(t, key, simplePayload("docker.io/origin/app", f.Root.Digest)))
	for allowed, ok := range map[string]bool{"docker.io/origin/*": true, "docker.io/other/*": false} {
		p := parse(t, "rules: [{images: ['**'], keys: [a.pub], signed-as: ['"+allowed+"']}]", map[string][]byte{"a.pub": public})
		if err := (&Checker{Policy: p, Store: s}).Check(t.Context(), f); (err == nil) != ok {
			t.Errorf("signed-as %s: %v", allowed, err)
		}
	}
}

// The registry is asked if the store does not satisfy, and only then.
func TestFetch(t *testing.T) {
	key, public := newKey(t, "p256")
	p := parse(t, "rules: [{images: ['**'], keys: [a.pub]}]", map[string][]byte{"a.pub": public})
	s := newStore(t)
	f := found(t, s)
	asked := 0
	c := &Checker{Policy: p, Store: s, Fetch: func(_ context.Context, name string, d digest.Digest) error {
		if asked++; d == f.Manifest.Digest {
			cosign(t, s, d, simple(t, key, simplePayload("x.io/team/app", d)))
		}
		return nil
	}}
	for range 2 {
		if err := c.Check(t.Context(), f); err != nil || asked != 2 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	}
	c = &Checker{Policy: p, Store: newStore(t), Fetch: func(context.Context, string, digest.Digest) error { return image.ErrUnreachable }}
	if err := c.Check(t.Context(), f); !errors.Is(err, ErrRefused) || !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("offline: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("default: accept\nrules: [{images: ['a/**'], digests: ['sha256:00']}]"))
	f.Add([]byte("trust: {certificates: [x], log: [y]}\nrules: [{images: [a], action: reject}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data, "x", reader(nil))
		if err != nil {
			return
		}
		for _, r := range p.rules {
			if r.accept == r.reject && len(r.digests)+len(r.keys)+len(r.who) == 0 {
				t.Errorf("a rule demands nothing: %+v", r)
			}
		}
	})
}

func FuzzSignatures(f *testing.F) {
	d := digest.FromString("x")
	f.Add(simplePayload("x.io/a", d), "AAAA", "", "{}")
	f.Add(statementAbout(d, predicateCosignSign), "", "-----BEGIN CERTIFICATE-----", `{"Payload":{"body":"e30="}}`)
	f.Fuzz(func(t *testing.T, data []byte, sig, cert, logged string) {
		_, _ = parseBundle(data)
		s, err := simpleSignature(data, map[string]string{annotationSignature: sig, annotationCert: cert, annotationChain: cert, annotationLogged: logged})
		if err == nil && len(s.subjects) != 1 {
			t.Errorf("%d subjects", len(s.subjects))
		}
	})
}
