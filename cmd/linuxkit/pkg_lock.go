package main

import "github.com/spf13/cobra"

func newPkgLockCmd(*app) *cobra.Command {
	var flags pkgFlags
	cmd := &cobra.Command{
		Use:   "lock [dir...]",
		Short: "Choose the newest versions of the Debian packages in layers and write debian.lock",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if len(dirs) == 0 {
				dirs = []string{"."}
			}
			pkgs, err := flags.load(cmd.Context(), cmd.Flags(), dirs)
			if err != nil {
				return err
			}
			for _, p := range pkgs {
				if err := p.Lock(cmd.Context()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.add(cmd.Flags())
	return cmd
}
