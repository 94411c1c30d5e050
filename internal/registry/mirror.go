package registry

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// everyHost is the key of the mirrors for registries that have none of their
// own.
const everyHost = "*"

// Mirrors maps registries to where their images are read instead, in the order
// in which that is tried.
type Mirrors map[string][]*url.URL

// ParseMirrors reads the value of LINUXKIT_MIRROR, whose entries are separated
// by blanks or commas, and the values of --mirror. An entry is
// [<registry>=]<url>[|<url>...]; the last entry for a registry counts.
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
	host, addresses, found := strings.Cut(entry, "=")
	if !found || isURL(entry) {
		host, addresses = everyHost, entry
	}
	var urls []*url.URL
	for address := range strings.SplitSeq(addresses, "|") {
		u, err := mirrorURL(address)
		if err != nil {
			return err
		}
		urls = append(urls, u)
	}
	m[mirrorKey(host)] = urls
	return nil
}

func mirrorURL(address string) (*url.URL, error) {
	if !isURL(address) {
		return nil, fmt.Errorf("mirror %q must start with http:// or https://", address)
	}
	u, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("mirror %q is not a URL with a host", address)
	}
	return u, nil
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

// target is where a repository is really read or written.
type target struct {
	host, repository string
	// plain allows HTTP without encryption.
	plain bool
	// spare says that another place is asked if this one does not answer.
	spare bool
}

// targets are the places to read r from, in order; never none.
func (m Mirrors) targets(r reference.Reference) []target {
	urls := m[r.Host]
	if urls == nil {
		urls = m[everyHost]
	}
	if urls == nil {
		return []target{m.origin(r)}
	}
	all := make([]target, len(urls))
	for i, u := range urls {
		path := strings.Trim(u.Path, "/")
		if path != "" {
			path += "/"
		}
		all[i] = target{host: u.Host, repository: path + r.Repository, plain: u.Scheme == "http", spare: i < len(urls)-1}
	}
	return all
}

// origin is the registry that r names. A mirror http://<host> of <host> itself
// says that the registry has no encryption.
func (m Mirrors) origin(r reference.Reference) target {
	t := target{host: r.Host, repository: r.Repository}
	for _, u := range m[r.Host] {
		t.plain = t.plain || u.Host == r.Host && u.Scheme == "http"
	}
	return t
}
