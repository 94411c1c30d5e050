package main

import (
	"context"

	"github.com/linuxkit/linuxkit/internal/registry"
	"github.com/linuxkit/linuxkit/pkglib"
)

// pkgRemote are the registries of package builds.
type pkgRemote struct{ *registry.Client }

func (a *app) pkgRemote() (pkgRemote, error) {
	_, c, err := a.cacheAndRegistry()
	return pkgRemote{c}, err
}

// Push implements [pkglib.Remote].
func (r pkgRemote) Push(ctx context.Context, local, remote string, opts pkglib.PushOptions) error {
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
