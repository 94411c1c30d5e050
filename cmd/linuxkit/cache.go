package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/internal/registry"
)

func newCacheCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Work with the image cache",
		Long: `The cache holds the images that builds use and make, for any architecture. It is
an OCI image layout in the directory --cache, else $LINUXKIT_CACHE, else
~/.linuxkit/cache. Any number of processes may use it at once.`,
		Example: `  linuxkit cache ls
  linuxkit cache pull alpine:3.22`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheLsCmd(a), newCacheRmCmd(a), newCacheCleanCmd(a),
		newCacheImportCmd(a), newCacheExportCmd(a), newCachePullCmd(a), newCachePushCmd(a),
		newCacheDuCmd(a), newCacheVerifyCmd(a), newCacheGCCmd(a))
	return cmd
}

func newCacheLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the images of the cache",
		Long: `List the names of the cache, sorted, each with the digest of what it stands
for: an index of images for several platforms, or one image. The list goes to
standard error, as JSON to standard output.`,
		Example: `  linuxkit cache ls
  linuxkit cache ls --json | jq -r .[].name`,
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

// settlePatience is how long a listing waits for others who change the cache.
const settlePatience = 10 * time.Second

func cacheLs(ctx context.Context, a *app, s *content.Store, asJSON bool) error {
	// A cache that cannot be created can still be empty.
	if err := s.Init(ctx); err != nil && !errors.Is(err, os.ErrPermission) {
		progress.Debugf(ctx, "%v", err)
	}
	s.Settle(ctx, settlePatience)
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
	return writeJSON(w, list)
}

func newCacheImportCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import <file>",
		Short: "Import images from a tar archive into the cache",
		Long: `Import images from an archive, or from standard input if the file is -. It may
be a tar of an OCI image layout or what docker save writes, plain or compressed
with gzip or zstd. Every blob is compared with its digest.

The images get the full names that the archive says: the annotation
io.containerd.image.name, else org.opencontainers.image.ref.name, else the
RepoTags of docker.`,
		Example: `  linuxkit cache import image.tar
  docker save alpine:3.22 | linuxkit cache import -`,
		Args: cobra.MinimumNArgs(1),
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
			return a.eachTransfer(cmd, args[:1], asJSON, false, func(t *transfer, _ string) error {
				_, err := image.Import(t.ctx, s, in)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonTransferUsage)
	return cmd
}

func newCachePullCmd(a *app) *cobra.Command {
	var platforms []string
	var asJSON, signatures bool
	cmd := &cobra.Command{
		Use:   "pull <name>...",
		Short: "Pull images into the cache",
		Long: `Pull images into the cache, whether it has them or not. Blobs that are there
are not fetched again, a transfer that breaks off goes on where it ended, and
of several processes that want the same blob one fetches it.

Of an index all images are pulled, or those of --platform, and each is named
<name>-<arch> besides. Credentials are those of the docker configuration.

With --signatures, the signatures of the images are pulled too, for builds that
have no network but a policy. If there is a policy now, images that it refuses
make the command fail.`,
		Example: `  linuxkit cache pull alpine:3.22
  linuxkit cache pull --platform linux/arm64 linuxkit/init:v1.2
  linuxkit --mirror docker.io=https://mirror.example.com cache pull alpine`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := parsePlatforms(platforms)
			if err != nil {
				return err
			}
			s, remote, err := a.cacheAndRegistry()
			if err != nil {
				return err
			}
			return a.eachTransfer(cmd, args, asJSON, true, func(t *transfer, name string) error {
				if err := cachePull(t.ctx, a, s, remote, name, wanted, signatures); err != nil {
					return pullError(name, err)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonTransferUsage)
	cmd.Flags().BoolVar(&signatures, "signatures", false, "pull the signatures of the images as well")
	cmd.Flags().StringSliceVar(&platforms, "platform", nil, "platforms to pull, os/arch[/variant] (default all)")
	return cmd
}

// pullError is worded as LinuxKit does it, pushing or not, for scripts that
// look for it.
func pullError(name string, err error) error {
	return fmt.Errorf("unable to push image named %s: error getting manifest for trusted image %[1]s: %w", name, err)
}

func cachePull(ctx context.Context, a *app, s *content.Store, remote *registry.Client, name string, platforms []ocispec.Platform, signatures bool) error {
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
	if signatures {
		for _, d := range image.Manifests(ctx, s, root) {
			if err := remote.PullSignatures(ctx, full, d); err != nil {
				return err
			}
		}
	}
	if err := image.CheckPulled(ctx, s, a.check(s, remote), full, root, platforms); err != nil {
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
