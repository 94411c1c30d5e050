package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/linuxkit/linuxkit/pkglib"
)

func newPkgCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pkg",
		Short: "Build packages into images, and tell how they are called",
	}
	cmd.AddCommand(newPkgNewCmd(), newPkgBuildCmd(a), newPkgPushCmd(a), newPkgShowTagCmd(a), newPkgLockCmd(a),
		newPkgManifestCmd(a), newPkgRemoteTagCmd(a), newPkgBuilderCmd(a))
	return cmd
}

// pkgFlags are the flags of all commands that load packages.
type pkgFlags struct {
	cfg                     pkglib.PkglibConfig
	org                     string
	disableCache, enableYes bool
	network, nonetwork      bool
}

func (f *pkgFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.org, "org", "", "organisation or registry prefix instead of that of build.yml (default $LINUXKIT_PKG_ORG)")
	flags.StringVar(&f.cfg.Tag, "tag", "", "template of the tag instead of that of build.yml, such as v-{{.Hash}}")
	flags.StringVar(&f.cfg.Hash, "hash", "", "hash to use instead of the one that git gives")
	flags.StringVar(&f.cfg.HashCommit, "hash-commit", pkglib.DefaultPkgCommit, "commit to take the hash from; images are built of HEAD only")
	flags.StringVar(&f.cfg.HashPath, "hash-path", "", "directory to hash instead of the package; it must hold the package")
	flags.BoolVar(&f.cfg.Dirty, "force-dirty", false, "treat the package as edited")
	flags.BoolVar(&f.cfg.Dev, "dev", false, "organisation $USER and hash dev")
	flags.StringVar(&f.cfg.BuildYML, "build-yml", pkglib.DefaultPkgBuildYML, "name of the file that describes a package")
	flags.BoolVar(&f.disableCache, "disable-cache", false, "build without the cache of BuildKit")
	flags.BoolVar(&f.enableYes, "enable-cache", true, "build with the cache of BuildKit")
	flags.BoolVar(&f.network, "network", false, "allow network to the steps of a Dockerfile")
	flags.BoolVar(&f.nonetwork, "nonetwork", true, "refuse network to the steps of a Dockerfile")
}

// load loads the packages in dirs as flags and environment say.
func (f *pkgFlags) load(ctx context.Context, flags *pflag.FlagSet, dirs []string) ([]pkglib.Pkg, error) {
	if err := f.resolve(flags); err != nil {
		return nil, err
	}
	return pkglib.NewFromConfig(ctx, f.cfg, dirs...)
}

func (f *pkgFlags) resolve(flags *pflag.FlagSet) error {
	env := os.Getenv("LINUXKIT_PKG_ORG")
	if env != "" {
		f.cfg.Org = &env
	}
	if flags.Changed("org") && (f.org != "" || env == "") {
		f.cfg.Org = &f.org
	}
	var err error
	if f.cfg.DisableCache, err = override(flags, "disable-cache", f.disableCache, "enable-cache", f.enableYes); err != nil {
		return err
	}
	f.cfg.Network, err = override(flags, "network", f.network, "nonetwork", f.nonetwork)
	return err
}

// override returns the value of a flag or the opposite of its antagonist, nil
// if neither is given.
func override(flags *pflag.FlagSet, name string, value bool, opposite string, not bool) (*bool, error) {
	switch {
	case flags.Changed(name) && flags.Changed(opposite):
		return nil, conflict(name, opposite)
	case flags.Changed(name):
		return &value, nil
	case flags.Changed(opposite):
		value = !not
		return &value, nil
	}
	return nil, nil
}

func conflict(name, opposite string) error {
	if name == "network" {
		name, opposite = opposite, name
	}
	return errors.New("cannot set but " + name + " and " + opposite)
}
