package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/pkglib"
)

func newPkgBuilderCmd(a *app) *cobra.Command {
	var f builderFlags
	var platforms []string
	cmd := &cobra.Command{
		Use:   "builder <du|prune>",
		Short: "Show or free what BuildKit keeps between builds",
		Long: `Show (du) or free (prune) what the BuildKit daemons for some platforms keep
between builds. They are found, and made if need be, as pkg build does it. With
-v 2 every entry is told.`,
		Example: `  linuxkit pkg builder du
  linuxkit pkg builder prune --platforms linux/amd64,linux/arm64`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			builders, err := f.locateSaying("invalid environment variable", "invalid --builders flag")
			if err != nil {
				return err
			}
			if len(platforms) == 0 {
				platforms = []string{hostPlatform()}
			}
			do, known := map[string]func(context.Context, io.Writer, map[string]string, pkglib.BuilderConfig, []string, bool) error{
				"du": pkglib.DiskUsage, "prune": pkglib.PruneBuilder,
			}[args[0]]
			if !known {
				return fmt.Errorf("unexpected command %s", args[0])
			}
			return do(cmd.Context(), a.stdout, builders, f.config, platforms, a.verbose > 1)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringSliceVar(&platforms, "platforms", nil, "platforms whose daemons are meant (default that of the host)")
	return cmd
}
