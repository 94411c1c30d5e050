// Package reference owns the names of images: how short names expand, how a
// name splits into registry, repository, tag and digest, and which names mean
// the same image.
//
// It refuses to guess: what is not a valid name is an error, and nothing here
// asks a registry.
package reference

import (
	_ "crypto/sha256" // digests of names are checked
	_ "crypto/sha512"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
)

// DefaultHost is the registry of names that name none.
const DefaultHost = "docker.io"

// DefaultTag is what an absent tag means.
const DefaultTag = "latest"

const (
	official      = "library/"
	maxRepository = 255
)

// ErrInvalid is returned, wrapped, for anything that is not an image name.
var ErrInvalid = errors.New("invalid image name")

// Reference is a parsed image name.
type Reference struct {
	// Host is the registry with its port, never empty. All aliases of Docker
	// Hub are "docker.io".
	Host string
	// Repository is the path in the registry, such as "library/redis".
	Repository string
	// Tag is empty if the name has none.
	Tag string
	// Digest is empty if the name has none.
	Digest digest.Digest
}

// Expand gives a short name its registry, as `linuxkit build` records it: one
// part is an official image, two parts are a Docker Hub image unless the first
// looks like a host, more are left alone. No tag is added and nothing checked.
func Expand(name string) string {
	parts := strings.Split(name, "/")
	switch {
	case len(parts) == 1:
		return DefaultHost + "/" + official + name
	case len(parts) == 2 && !isHost(parts[0]):
		return DefaultHost + "/" + name
	default:
		return name
	}
}

// ExpandTagged is [Expand] with ":latest" added to a name that has neither tag
// nor digest.
func ExpandTagged(name string) string {
	expanded := Expand(name)
	if tagged(expanded) {
		return expanded
	}
	return expanded + ":" + DefaultTag
}

// tagged tells whether something follows the repository; a colon in the host
// is a port.
func tagged(expanded string) bool {
	last := expanded[strings.LastIndexByte(expanded, '/')+1:]
	return strings.ContainsAny(last, ":@")
}

func isHost(part string) bool {
	return strings.ContainsAny(part, ".:") || part == "localhost"
}

var (
	hostForm       = regexp.MustCompile(`^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?$`)
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
)

// Parse expands and splits an image name.
func Parse(name string) (Reference, error) {
	if strings.Contains(name, "://") {
		return Reference{}, fmt.Errorf("%w %q: leave out the scheme", ErrInvalid, name)
	}
	host, rest, _ := strings.Cut(Expand(name), "/")
	if !isHost(host) {
		host, rest = DefaultHost, host+"/"+rest
	}
	r := Reference{Host: host}
	rest, dgst, hasDigest := strings.Cut(rest, "@")
	r.Repository, r.Tag, _ = cutLast(rest, ":")
	if hasDigest {
		r.Digest = digest.Digest(dgst)
		if r.Digest.Validate() != nil {
			return Reference{}, fmt.Errorf("invalid tag, was not digest, yet began with '@': %w %q", ErrInvalid, name)
		}
	}
	r.canonicalise()
	if err := r.check(rest); err != nil {
		return Reference{}, fmt.Errorf("%w %q: %w", ErrInvalid, name, err)
	}
	return r, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// canonicalise makes all names of Docker Hub one.
func (r *Reference) canonicalise() {
	switch r.Host {
	case "index.docker.io", "registry-1.docker.io":
		r.Host = DefaultHost
	}
	if r.Host == DefaultHost && !strings.Contains(r.Repository, "/") {
		r.Repository = official + r.Repository
	}
}

func (r *Reference) check(rest string) error {
	switch {
	case !hostForm.MatchString(r.Host):
		return fmt.Errorf("registry %q is not a host name", r.Host)
	case len(r.Repository) > maxRepository:
		return fmt.Errorf("repository has more than %d characters", maxRepository)
	case !repositoryForm.MatchString(r.Repository):
		return fmt.Errorf("repository %q must be lower-case letters, digits and separators", r.Repository)
	case strings.Contains(rest, ":") && !tagForm.MatchString(r.Tag):
		return fmt.Errorf("%q is not a tag", r.Tag)
	}
	return nil
}

// Locator is the name without tag and digest.
func (r Reference) Locator() string { return r.Host + "/" + r.Repository }

// String is the full name, canonical but without a tag that was not given.
func (r Reference) String() string {
	s := r.Locator()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest.String()
	}
	return s
}

// Familiar is the shortest name that parses to r.
func (r Reference) Familiar() string {
	s := strings.TrimPrefix(r.String(), DefaultHost+"/")
	if s == r.String() {
		return s
	}
	if short := strings.TrimPrefix(s, official); !strings.Contains(short, "/") {
		return short
	}
	if first, _, _ := strings.Cut(s, "/"); isHost(first) {
		return r.String()
	}
	return s
}

// Object is what a registry is asked for: the digest, else the tag, else
// "latest".
func (r Reference) Object() string {
	switch {
	case r.Digest != "":
		return r.Digest.String()
	case r.Tag != "":
		return r.Tag
	default:
		return DefaultTag
	}
}

// Same tells whether two names mean the same image: aliases of Docker Hub are
// equal, and an absent tag is "latest".
func Same(a, b string) bool {
	if a == b {
		return true
	}
	ra, errA := Parse(a)
	rb, errB := Parse(b)
	return errA == nil && errB == nil && ra.key() == rb.key()
}

// key is equal for names of the same image.
func (r Reference) key() string {
	if r.Tag == "" && r.Digest == "" {
		r.Tag = DefaultTag
	}
	return r.String()
}
