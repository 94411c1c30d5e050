package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPkgShowTagCmd(a *app) *cobra.Command {
	var flags pkgFlags
	var canonical bool
	cmd := &cobra.Command{
		Use:   "show-tag <dir>...",
		Short: "Print the names of the images of packages",
		Long: `Print the names of the images of packages, one a line. A tag is made of the git
hash of the package's directory, so that equal sources have equal names; edited
ones have the suffix -dirty and a hash of the edits.`,
		Example: `  linuxkit pkg show-tag pkg/init
  linuxkit pkg show-tag --canonical --org example pkg/*`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			pkgs, err := flags.load(cmd.Context(), cmd.Flags(), dirs)
			if err != nil {
				return err
			}
			for _, p := range pkgs {
				tag := p.Tag()
				if canonical {
					tag = p.FullTag()
				}
				fmt.Fprintln(a.stdout, tag)
			}
			return nil
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().BoolVar(&canonical, "canonical", false, "print names with their registry")
	return cmd
}
