package registry

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// everyHost is the key of the mirror for registries that have none of their own.
const everyHost = "*"

// Mirrors maps registries to where their images are read instead.
type Mirrors map[string]*url.URL

// ParseMirrors reads the value of LINUXKIT_MIRROR, whose entries are separated
// by blanks or commas, and the values of --mirror. An entry is
// [<registry>=]<url>; the last one for a registry counts.
func ParseMirrors(env string, flags []string) (Mirrors, error) {
	m := Mirrors{}
	entries := strings.FieldsFunc(env, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
	for _, e := range append(entries, flags...) {
		if e == "" {
			continue
		}
		if err := m.add(e); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m Mirrors) add(entry string) error {
	host, address, found := strings.Cut(entry, "=")
	if !found || isURL(entry) {
		host, address = everyHost, entry
	}
	if !isURL(address) {
		return fmt.Errorf("mirror %q must start with http:// or https://", address)
	}
	u, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || u.Host == "" {
		return fmt.Errorf("mirror %q is not a URL with a host", address)
	}
	m[mirrorKey(host)] = u
	return nil
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

func mirrorKey(host string) string {
	host = strings.TrimSuffix(host, "/")
	if host == "index.docker.io" {
		return reference.DefaultHost
	}
	return host
}

// target is where a repository is really read.
type target struct {
	host, repository string
	// plain allows HTTP without encryption.
	plain bool
}

func (m Mirrors) target(r reference.Reference) target {
	u := m[r.Host]
	if u == nil {
		u = m[everyHost]
	}
	if u == nil {
		return target{host: r.Host, repository: r.Repository}
	}
	path := strings.Trim(u.Path, "/")
	if path != "" {
		path += "/"
	}
	return target{host: u.Host, repository: path + r.Repository, plain: u.Scheme == "http"}
}
