package main

import (
	"fmt"

	"github.com/linuxkit/linuxkit/internal/dockerengine"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/pkglib"
)

// localPackages returns the packages that a configuration may name by their
// directories. Those with a Dockerfile are built by the builders that the
// environment names.
func (a *app) localPackages() (*pkglib.Local, error) {
	var f builderFlags
	builders, err := f.locate()
	if err != nil {
		return nil, err
	}
	opts := []pkglib.BuildOpt{
		pkglib.WithBuildCacheDir(a.cacheDir), pkglib.WithToolVersion(version, commit),
		pkglib.WithBuildBuilders(builders), pkglib.WithBuildBuilderConfig(f.config),
		pkglib.WithBuildSbomScanner(pkglib.BuiltinScanner),
	}
	if !a.quiet {
		opts = append(opts, pkglib.WithProgressWriter(a.stderr), pkglib.WithProgressShared())
	}
	return pkglib.NewLocal(opts...), nil
}

// resolver finds images in the cache, in a registry, or by building one of the
// local packages.
func (a *app) resolver(local *pkglib.Local, o buildOptions) (*image.Resolver, error) {
	store, remote, err := a.cacheAndRegistry()
	if err != nil {
		return nil, err
	}
	r := &image.Resolver{Store: store, Remote: remote, Pull: o.pull, Build: local.Build, Check: a.check(store, remote), Before: []image.Place{local}}
	if o.docker {
		engine, err := dockerengine.New("")
		if err != nil {
			return nil, fmt.Errorf("find the Docker engine that --docker asks for: %w", err)
		}
		r.Before = append(r.Before, &dockerengine.Source{Engine: engine, Store: store})
	}
	return r, nil
}
