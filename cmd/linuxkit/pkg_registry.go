package main

import (
	"context"
	"errors"
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

// registryCreds reads the values of --registry-creds.
func registryCreds(list []string) (map[string]pkglib.RegistryAuth, error) {
	known, err := registry.ParseCredentials(list)
	all := make(map[string]pkglib.RegistryAuth, len(known))
	for host, c := range known {
		all[host] = pkglib.RegistryAuth{Username: c.Username, Password: c.Password, RegistryToken: c.RegistryToken}
	}
	return all, err
}
