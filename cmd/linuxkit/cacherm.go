package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
)

const publishedUsage = "remove only images that the registry holds just so"

func newCacheRmCmd(a *app) *cobra.Command {
	var published bool
	cmd := &cobra.Command{
		Use:   "rm <name>...",
		Short: "Remove images from the cache",
		Long: `Remove images from the cache, by the names that linuxkit cache ls shows or that
mean the same. With an index go its names by architecture, and its signatures.
What another image needs stays. If one of the names is not there, nothing is
removed.

With --published-only, an image stays unless the registry has exactly the same
under its name.`,
		Example: `  linuxkit cache rm alpine:3.22
  linuxkit cache rm --published-only docker.io/me/app:v1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			found, err := image.Lookup(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			return removeCached(cmd.Context(), a, s, found, published)
		},
	}
	cmd.Flags().BoolVar(&published, "published-only", false, publishedUsage)
	return cmd
}

func newCacheCleanCmd(a *app) *cobra.Command {
	var published bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Empty the cache",
		Long: `Remove the whole cache directory. With --published-only, remove only images that
the registry has exactly so under their names.`,
		Example: `  linuxkit cache clean
  linuxkit cache clean --published-only`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			if published {
				return cleanPublished(cmd.Context(), a, s)
			}
			if err := s.Clean(cmd.Context()); err != nil {
				return fmt.Errorf("unable to clean cache %s: %w", a.cacheDir, err)
			}
			progress.Infof(cmd.Context(), "Cache emptied: %s", a.cacheDir)
			return nil
		},
	}
	cmd.Flags().BoolVar(&published, "published-only", false, publishedUsage)
	return cmd
}

func cleanPublished(ctx context.Context, a *app, s *content.Store) error {
	all, err := s.List(ctx)
	if err != nil {
		return fmt.Errorf("error reading image names: %w", err)
	}
	return removeCached(ctx, a, s, all, true)
}

func removeCached(ctx context.Context, a *app, s *content.Store, images []content.Named, published bool) error {
	remote, err := a.registry(s)
	if err != nil {
		return err
	}
	for _, n := range images {
		if published {
			if ok, err := remote.Holds(ctx, n); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		if err := image.Remove(ctx, s, n); err != nil {
			return err
		}
	}
	return nil
}
