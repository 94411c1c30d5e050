package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/internal/registry"
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
			found, err := findCached(cmd.Context(), s, args)
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

// findCached looks up all names before anything is removed: names as listed,
// else the names that they expand to.
func findCached(ctx context.Context, s *content.Store, names []string) ([]content.Named, error) {
	all, err := s.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("error reading image names: %w", err)
	}
	var found []content.Named
	for _, name := range names {
		i := slices.IndexFunc(all, func(n content.Named) bool { return n.Ref == name })
		if i < 0 {
			i = slices.IndexFunc(all, func(n content.Named) bool { return reference.Same(n.Ref, name) })
		}
		if i < 0 {
			return nil, fmt.Errorf("error reading image %s: could not find image or index for %s; see linuxkit cache ls", name, name)
		}
		found = append(found, all[i])
	}
	return found, nil
}

func removeCached(ctx context.Context, a *app, s *content.Store, images []content.Named, published bool) error {
	remote, err := a.registry(s)
	if err != nil {
		return err
	}
	for _, n := range images {
		if published {
			ok, err := isPublished(ctx, remote, n)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		if err := removeImage(ctx, s, n); err != nil {
			return err
		}
	}
	return nil
}

// removeImage removes an entry, those of its architectures, and signatures that
// have lost what they sign.
func removeImage(ctx context.Context, s *content.Store, n content.Named) error {
	names, err := image.ArchNames(ctx, s, n)
	if err != nil {
		progress.Debugf(ctx, "image %s is incomplete: %v", n.Ref, err)
	}
	manifests := image.Manifests(ctx, s, n.Descriptor)
	progress.Infof(ctx, "removing image %s from cache", n.Ref)
	if err := deleteNames(ctx, s, append(names, n.Ref)); err != nil {
		return err
	}
	name, err := reference.Parse(n.Ref)
	if err != nil {
		return nil // such a name has no signatures
	}
	orphans, err := image.Orphans(ctx, s, name, manifests)
	if err != nil {
		return err
	}
	return deleteNames(ctx, s, orphans)
}

func deleteNames(ctx context.Context, s *content.Store, names []string) error {
	for _, name := range names {
		// It may be gone meanwhile, or have gone together with its index.
		if err := s.Delete(ctx, name); err != nil && !errors.Is(err, content.ErrNotFound) {
			return err
		}
	}
	return nil
}

func isPublished(ctx context.Context, remote *registry.Client, n content.Named) (bool, error) {
	desc, err := remote.Resolve(ctx, n.Ref)
	if err != nil {
		progress.Infof(ctx, "image %s not found in remote registry, leaving in cache", n.Ref)
		progress.Debugf(ctx, "%v", err)
		return false, ctx.Err()
	}
	if desc.Digest != n.Digest {
		progress.Infof(ctx, "image %s has mismatched hashes, cache %s vs remote registry %s, leaving in cache", n.Ref, n.Digest, desc.Digest)
		return false, nil
	}
	return true, nil
}
