package main

import (
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/pkglib"
)

// localPackages returns the packages that a configuration may name by their
// directories.
func (a *app) localPackages() *pkglib.Local {
	return pkglib.NewLocal(pkglib.WithBuildCacheDir(a.cacheDir), pkglib.WithToolVersion(version, commit))
}

// resolver finds images in the cache, in a registry, or by building one of the
// local packages.
func (a *app) resolver(local *pkglib.Local, pull bool) (*image.Resolver, error) {
	store, err := content.Open(a.cacheDir)
	if err != nil {
		return nil, err
	}
	remote, err := a.registry(store)
	if err != nil {
		return nil, err
	}
	return &image.Resolver{Store: store, Remote: remote, Pull: pull, Build: local.Build, Check: a.check(store, remote)}, nil
}
