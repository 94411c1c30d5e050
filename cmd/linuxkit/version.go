package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// What the linker says about this build.
var version, commit = "unknown", "unknown"

func newVersionCmd(a *app) *cobra.Command {
	var short, commitOnly bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  `Print the version of this program and the commit it was built from.`,
		Example: `  linuxkit version
  linuxkit version --short`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(a.stdout, versionText(cmd.Root().Name(), short, commitOnly))
			return err
		},
	}
	cmd.Flags().BoolVar(&short, "short", false, "print the version number only")
	cmd.Flags().BoolVar(&commitOnly, "commit", false, "print the commit only")
	return cmd
}

// versionText is what to print; an empty commit is not mentioned.
func versionText(program string, short, commitOnly bool) string {
	switch {
	case short:
		return version + "\n"
	case commitOnly:
		return commit + "\n"
	case commit == "":
		return fmt.Sprintf("%s version %s\n", program, version)
	}
	return fmt.Sprintf("%s version %s\ncommit: %s\n", program, version, commit)
}
