package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/internal/registry"
	"github.com/linuxkit/linuxkit/pkglib"
)

// pkgRemote are the registries of package builds. One that did not answer is
// not asked again about images that can be built.
type pkgRemote struct {
	*registry.Client

	mu   sync.Mutex
	dead map[string]error // by host
}

func (a *app) pkgRemote() (*pkgRemote, error) {
	s, err := content.Open(a.cacheDir)
	if err != nil {
		return nil, err
	}
	c, err := a.registry(s)
	return &pkgRemote{Client: c, dead: map[string]error{}}, err
}

// Platforms implements [pkglib.Remote].
func (r *pkgRemote) Platforms(ctx context.Context, ref string, patience time.Duration) ([]ocispec.Platform, error) {
	name, err := reference.Parse(ref)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	err = r.dead[name.Host]
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	list, err := r.Client.Platforms(ctx, ref, patience)
	if errors.Is(err, image.ErrUnreachable) {
		r.mu.Lock()
		r.dead[name.Host] = err
		r.mu.Unlock()
	}
	return list, err
}

// Push implements [pkglib.Remote].
func (r *pkgRemote) Push(ctx context.Context, local, remote string, opts pkglib.PushOptions) error {
	return r.Client.Push(ctx, local, remote, registry.PushOptions{ArchTags: opts.ArchTags, Override: opts.Override, Say: opts.Say})
}

// dockerHubKey is how Docker Hub is called in the configuration of docker.
const dockerHubKey = "https://index.docker.io/v1/"

// parseRegistryCreds reads "<registry>=<user>:<password>" and
// "<registry>=<token>".
func parseRegistryCreds(list []string) (map[string]pkglib.RegistryAuth, error) {
	all := map[string]pkglib.RegistryAuth{}
	for _, text := range list {
		host, auth, found := strings.Cut(text, "=")
		if !found || auth == "" {
			return nil, fmt.Errorf("invalid registry auth specification '%s'", text)
		}
		if host = strings.TrimSpace(host); host == "" {
			return nil, fmt.Errorf("invalid registry auth specification '%s', registry must not be blank", text)
		}
		a, why := parseAuth(auth)
		if why != "" {
			return nil, fmt.Errorf("invalid registry auth specification '%s', %s must not be blank", text, why)
		}
		all[registryKey(host)] = a
	}
	return all, nil
}

func parseAuth(text string) (a pkglib.RegistryAuth, blank string) {
	user, password, pair := strings.Cut(text, ":")
	user, password = strings.TrimSpace(user), strings.TrimSpace(password)
	switch {
	case pair && (user == "" || password == ""):
		return a, "username and password"
	case pair:
		return pkglib.RegistryAuth{Username: user, Password: password}, ""
	case user == "":
		return a, "token"
	}
	return pkglib.RegistryAuth{RegistryToken: user}, ""
}

// registryKey is how docker's configuration calls a registry.
func registryKey(host string) string {
	plain := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://"), "/")
	switch plain {
	case "docker.io", "index.docker.io", "registry-1.docker.io", "index.docker.io/v1":
		return dockerHubKey
	}
	return host
}
