package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

func newCacheCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Work with the image cache",
		Args:  cobra.ArbitraryArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheLsCmd(a), newCacheRmCmd(a), newCacheCleanCmd(a),
		newCacheImportCmd(a), newCacheExportCmd(a), newCachePullCmd(a))
	return cmd
}

func newCacheLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the images of the cache",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			return cacheLs(cmd.Context(), a, s, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON to standard output")
	return cmd
}

// cachedImage is an element of `cache ls --json`.
type cachedImage struct {
	Name      string `json:"name"`
	Digest    string `json:"digest"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
}

func cacheLs(ctx context.Context, a *app, s *content.Store, asJSON bool) error {
	// A cache that cannot be created can still be empty.
	if err := s.Init(ctx); err != nil && !errors.Is(err, os.ErrPermission) {
		progress.Debugf(ctx, "%v", err)
	}
	all, err := s.List(ctx)
	if err != nil {
		return fmt.Errorf("error reading image names: %w", err)
	}
	if asJSON {
		return writeCacheJSON(a.stdout, all)
	}
	progress.Infof(ctx, "%-80s %s", "image name", "root manifest hash")
	for _, n := range all {
		progress.Infof(ctx, "%-80s %s", n.Ref, n.Digest)
	}
	return nil
}

func writeCacheJSON(w io.Writer, all []content.Named) error {
	list := make([]cachedImage, len(all))
	for i, n := range all {
		list[i] = cachedImage{n.Ref, n.Digest.String(), n.MediaType, n.Size}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

func newCacheImportCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "import <file>",
		Short: "Import an image from a tar of an OCI image layout, from standard input if <file> is -",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			in := a.stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("unable to open %s: %w", args[0], err)
				}
				defer f.Close()
				in = f
			}
			_, err = image.Import(cmd.Context(), s, in)
			return err
		},
	}
}

func newCachePullCmd(a *app) *cobra.Command {
	var platforms []string
	cmd := &cobra.Command{
		Use:   "pull <name>...",
		Short: "Pull images into the cache",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := parsePlatforms(platforms)
			if err != nil {
				return err
			}
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := cachePull(cmd.Context(), a, s, name, wanted); err != nil {
					return fmt.Errorf("unable to pull image named %s: %w", name, err)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&platforms, "platform", nil, "platforms to pull, os/arch[/variant] (default all)")
	return cmd
}

func cachePull(ctx context.Context, a *app, s *content.Store, name string, platforms []ocispec.Platform) error {
	remote, err := a.registry(s)
	if err != nil {
		return err
	}
	release, err := s.Pin(ctx)
	if err != nil {
		return err
	}
	defer release()
	full := reference.ExpandTagged(name)
	root, err := remote.Pull(ctx, full, platforms, 0)
	if err != nil {
		return err
	}
	return image.TagArches(ctx, s, full, root)
}

func parsePlatforms(names []string) ([]ocispec.Platform, error) {
	var all []ocispec.Platform
	for _, name := range names {
		p, err := image.ParsePlatform(name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// hostPlatform is what images are for unless another platform is asked for.
func hostPlatform() string { return "linux/" + runtime.GOARCH }
