package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/internal/registry"
)

func newCachePushCmd(a *app) *cobra.Command {
	var remoteName string
	var asJSON bool
	var opts registry.PushOptions
	cmd := &cobra.Command{
		Use:   "push <name>...",
		Short: "Push images from the cache to a registry",
		Long: `Push images from the cache to the registry that their name says. Blobs that
the registry has are not sent again. An index that the registry has under the
name already keeps its images for other platforms.

An image whose name exists in the registry is left alone unless --override is
given. Mirrors are not asked. Credentials are those of the docker
configuration.`,
		Example: `  linuxkit cache push registry.example.com/team/app:v1
  linuxkit cache push --with-arch-tags --override docker.io/me/app:v1
  linuxkit cache push --remote-name localhost:5000/app:test docker.io/me/app:v1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, remote, err := a.cacheAndRegistry()
			if err != nil {
				return err
			}
			return a.eachTransfer(cmd, args, asJSON, true, func(t *transfer, name string) error {
				opts.Say = func(line string) { fmt.Fprintln(t.out, line) }
				local := reference.Expand(name)
				to := local
				if remoteName != "" {
					to = remoteName
				}
				if err := remote.Push(t.ctx, local, to, opts); err != nil {
					return fmt.Errorf("unable to push image named %s: %w", name, err)
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&remoteName, "remote-name", "", "name in the registry (default the name in the cache)")
	flags.BoolVar(&opts.ArchTags, "with-arch-tags", false, "give the image of each architecture a name of its own, <name>-<arch>")
	flags.BoolVar(&opts.Override, "override", false, "push even if the name exists in the registry")
	flags.BoolVar(&asJSON, "json", false, jsonTransferUsage)
	return cmd
}
