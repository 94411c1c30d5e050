package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/pkglib"
)

func newPkgNewCmd() *cobra.Command {
	var kind, image string
	cmd := &cobra.Command{
		Use:   "new <dir>",
		Short: "Write a starting package",
		Long: `Write a starting package into a directory, which is made: a build.yml and what
belongs to it. The kinds are a program in Go (go), plain files (files), both made
of layers without BuildKit, and build steps (dockerfile). Nothing is
overwritten.`,
		Example: `  linuxkit pkg new pkg/hello
  linuxkit pkg new --kind dockerfile --image hello pkg/greeter`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if err := pkglib.Create(dirs[0], kind, image); err != nil {
				return err
			}
			progress.Infof(cmd.Context(), "wrote a package to %s; commit it, then build it with: linuxkit pkg build %s", dirs[0], dirs[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "go", "kind of package: "+strings.Join(pkglib.Kinds(), ", "))
	cmd.Flags().StringVar(&image, "image", "", "name of the image (default that of the directory)")
	return cmd
}
