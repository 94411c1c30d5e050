package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/pkglib"
)

func newPkgManifestCmd(a *app) *cobra.Command {
	var flags pkgFlags
	var release string
	cmd := &cobra.Command{
		Use:     "manifest <dir>",
		Aliases: []string{"index"},
		Short:   "Make the index of a package in the registry out of its images there",
		Long: `Make the index of a package in the registry out of the images that the registry
has for single architectures, under the name of the package with -<arch> behind
it. What the index holds for other platforms stays. Use it after different
machines have built and pushed a package for different architectures.`,
		Example: "  linuxkit pkg manifest pkg/init\n  linuxkit pkg manifest --release v1.0.0 pkg/init",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			pkgs, err := flags.load(cmd.Context(), cmd.Flags(), dirs)
			if err != nil {
				return err
			}
			remote, err := a.pkgRemote()
			if err != nil {
				return err
			}
			p := pkgs[0]
			fmt.Fprintf(a.stdout, "Updating index for %q\n", p.Tag())
			if err := p.Index(cmd.Context(), pkglib.WithBuildRemote(remote), pkglib.WithRelease(release), pkglib.WithBuildOutputWriter(a.stdout)); err != nil {
				return fmt.Errorf("error building and pushing %q: %w", p.Tag(), err)
			}
			return nil
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&release, "release", "", "make the index of this release too")
	return cmd
}

func newPkgRemoteTagCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remote-tag <from> <to>",
		Short: "Give an image in a registry another name",
		Long: `Give an image in a registry another name. In the same repository only the name
is made; to another one the image is copied with all that belongs to it. A name
that exists is overwritten. The cache is not used.`,
		Example: `  linuxkit pkg remote-tag linuxkit/init:5f0c linuxkit/init:v1.0.0
  linuxkit pkg remote-tag linuxkit/init:v1.0.0 registry.example.com/init:v1.0.0`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			remote, err := a.registry(nil)
			if err != nil {
				return err
			}
			return remote.Retag(cmd.Context(), reference.ExpandTagged(args[0]), reference.ExpandTagged(args[1]))
		},
	}
	cmd.Flags().String("release", "", "accepted for compatibility")
	return cmd
}
