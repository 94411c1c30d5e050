package main

import "github.com/spf13/cobra"

func newPkgLockCmd(*app) *cobra.Command {
	var flags pkgFlags
	cmd := &cobra.Command{
		Use:   "lock [dir...]",
		Short: "Choose the newest versions of the Debian packages in layers and write debian.lock",
		Long: `Choose the newest versions of the Debian packages that the layers of packages
name, and write them with their hashes to debian.lock beside build.yml. Debian's
apt resolves them in a directory of its own and checks the archive's signatures.
Builds take exactly what the lock says. Without a directory it is the current one.

The mirror is that of LINUXKIT_DEBIAN_MIRROR, else the one in the host's apt
sources.`,
		Example: `  linuxkit pkg lock pkg/dhcpcd
  LINUXKIT_DEBIAN_MIRROR=http://mirror.example/debian linuxkit pkg lock pkg/*`,
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if len(dirs) == 0 {
				dirs = []string{"."}
			}
			// No hash is wanted: the package need not be in git yet.
			flags.cfg.Hash = "unlocked"
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
