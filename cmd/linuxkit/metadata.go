package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/vm"
)

func newMetadataCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metadata",
		Short: "Make user data for a guest",
	}
	cmd.AddCommand(newMetadataCreateCmd())
	return cmd
}

func newMetadataCreateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "create <file.iso> <data>",
		Short: "Write an ISO image that hands data to the metadata package of a guest",
		Long: `Write an ISO image that hands data to the metadata package of a guest. Attached
as a CD-ROM it does what --data of "linuxkit run" does.`,
		Example: `  linuxkit metadata create data.iso '{"hostname": {"content": "box"}}'`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := vm.WriteDataISO(cmd.Context(), args[0], []byte(args[1])); err != nil {
				return fmt.Errorf("writing the metadata image: %w", err)
			}
			return nil
		},
	}
}
