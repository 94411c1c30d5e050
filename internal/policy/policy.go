package policy

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.yaml.in/yaml/v4"
)

// ErrRefused is returned, wrapped, for an image that the policy does not allow.
var ErrRefused = errors.New("refused by policy")

// maxFile bounds the policy file and those it names, in bytes.
const maxFile = 1 << 20

// Policy is a policy file that was read.
type Policy struct {
	// Name is the file, for messages.
	Name    string
	accept  bool // what no rule matches
	builds  bool // check what this program built as well
	rules   []rule
	keyless *trustRoot
}

// rule is one rule; the first that matches an image decides.
type rule struct {
	label    string
	images   []*regexp.Regexp
	accept   bool
	reject   bool
	digests  []digest.Digest
	keys     []namedKey
	who      []identity
	signedAs []*regexp.Regexp
}

type namedKey struct {
	name string
	key  crypto.PublicKey
}

// file is the policy as it is written.
type file struct {
	Default string     `yaml:"default"`
	Builds  string     `yaml:"builds"`
	Trust   fileTrust  `yaml:"trust"`
	Rules   []fileRule `yaml:"rules"`
}

type fileTrust struct {
	Certificates []string `yaml:"certificates"`
	Log          []string `yaml:"log"`
}

type fileRule struct {
	Name       string         `yaml:"name"`
	Images     []string       `yaml:"images"`
	Action     string         `yaml:"action"`
	Digests    []string       `yaml:"digests"`
	Keys       []string       `yaml:"keys"`
	Identities []fileIdentity `yaml:"identities"`
	SignedAs   []string       `yaml:"signed-as"`
}

type fileIdentity struct {
	Subject string `yaml:"subject"`
	Issuer  string `yaml:"issuer"`
}

// Load reads a policy file and the keys it names. Relative names of files are
// relative to the directory of the policy.
func Load(name string) (*Policy, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return Parse(data, name, func(f string) ([]byte, error) {
		if !filepath.IsAbs(f) {
			f = filepath.Join(filepath.Dir(name), f)
		}
		return readFile(f)
	})
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxFile)
	}
	return os.ReadFile(name)
}

// Parse reads a policy; read returns the files that it names.
func Parse(data []byte, name string, read func(file string) ([]byte, error)) (*Policy, error) {
	var f file
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	p := &Policy{Name: name}
	var err error
	if p.accept, err = choice(f.Default, "reject", "accept"); err != nil {
		return nil, fmt.Errorf("policy %s: default: %w", name, err)
	}
	if p.builds, err = choice(f.Builds, "exempt", "check"); err != nil {
		return nil, fmt.Errorf("policy %s: builds: %w", name, err)
	}
	if p.keyless, err = parseTrust(f.Trust, read); err != nil {
		return nil, fmt.Errorf("policy %s: trust: %w", name, err)
	}
	for i, r := range f.Rules {
		parsed, err := parseRule(r, fmt.Sprintf("rule %d", i+1), read)
		if err == nil && len(parsed.who) > 0 && p.keyless == nil {
			err = errors.New("identities need the certificates and the log of a trust root, see trust")
		}
		if err != nil {
			return nil, fmt.Errorf("policy %s: rule %d: %w", name, i+1, err)
		}
		p.rules = append(p.rules, parsed)
	}
	return p, nil
}

// choice returns false for an absent value and the first, true for the second.
func choice(value, no, yes string) (bool, error) {
	switch value {
	case "", no:
		return false, nil
	case yes:
		return true, nil
	}
	return false, fmt.Errorf("%q is neither %s nor %s", value, no, yes)
}

func parseRule(f fileRule, label string, read func(string) ([]byte, error)) (r rule, err error) {
	r.label = label
	if f.Name != "" {
		r.label += " (" + f.Name + ")"
	}
	if len(f.Images) == 0 {
		return r, errors.New("images must name at least one pattern")
	}
	if r.images, err = patterns(f.Images); err != nil {
		return r, fmt.Errorf("images: %w", err)
	}
	if r.signedAs, err = patterns(f.SignedAs); err != nil {
		return r, fmt.Errorf("signed-as: %w", err)
	}
	for _, d := range f.Digests {
		parsed, err := digest.Parse(d)
		if err != nil {
			return r, fmt.Errorf("digest %q: %w", d, err)
		}
		r.digests = append(r.digests, parsed)
	}
	for _, name := range f.Keys {
		key, err := parseKey(name, read)
		if err != nil {
			return r, err
		}
		r.keys = append(r.keys, key)
	}
	for _, i := range f.Identities {
		parsed, err := parseIdentity(i)
		if err != nil {
			return r, err
		}
		r.who = append(r.who, parsed)
	}
	return r, r.setAction(f.Action)
}

// setAction makes sure that a rule says one thing.
func (r *rule) setAction(action string) error {
	demands := len(r.digests)+len(r.keys)+len(r.who) > 0
	switch {
	case action == "" && !demands:
		return errors.New("it demands nothing; give keys, identities or digests, or action: accept or reject")
	case action != "" && demands:
		return errors.New("an action and a demand for keys, identities or digests exclude each other")
	case action != "" && action != "accept" && action != "reject":
		return fmt.Errorf("action %q is neither accept nor reject", action)
	case len(r.signedAs) > 0 && len(r.keys)+len(r.who) == 0:
		return errors.New("signed-as needs keys or identities")
	}
	r.accept, r.reject = action == "accept", action == "reject"
	return nil
}

// patterns compiles names in which * stands for anything within a part and **
// for anything.
func patterns(globs []string) ([]*regexp.Regexp, error) {
	var all []*regexp.Regexp
	for _, g := range globs {
		if g == "" {
			return nil, errors.New("a pattern is empty")
		}
		re, err := regexp.Compile(glob(g))
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", g, err)
		}
		all = append(all, re)
	}
	return all, nil
}

func glob(g string) string {
	var b strings.Builder
	b.WriteString(`\A`)
	for g != "" {
		switch {
		case strings.HasPrefix(g, "**"):
			b.WriteString(`.*`)
			g = g[2:]
		case g[0] == '*':
			b.WriteString(`[^/]*`)
			g = g[1:]
		default:
			n := strings.IndexByte(g, '*')
			if n < 0 {
				n = len(g)
			}
			b.WriteString(regexp.QuoteMeta(g[:n]))
			g = g[n:]
		}
	}
	b.WriteString(`\z`)
	return b.String()
}

func anyMatch(all []*regexp.Regexp, names ...string) bool {
	for _, re := range all {
		for _, n := range names {
			if re.MatchString(n) {
				return true
			}
		}
	}
	return false
}
