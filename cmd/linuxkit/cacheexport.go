package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// exportOptions are the flags of `cache export`.
type exportOptions struct {
	format, outfile, platform, name string
	json                            bool
}

// exporters are the formats of `cache export`.
var exporters = map[string]func(ctx context.Context, i *image.Image, w io.Writer, name string) error{
	"oci": func(ctx context.Context, i *image.Image, w io.Writer, name string) error {
		return i.ExportOCI(ctx, w, name)
	},
	"docker": func(ctx context.Context, i *image.Image, w io.Writer, name string) error {
		return i.ExportDocker(ctx, w, name)
	},
	"filesystem": func(ctx context.Context, i *image.Image, w io.Writer, _ string) error {
		return i.ExportFilesystem(ctx, w)
	},
}

func newCacheExportCmd(a *app) *cobra.Command {
	var opts exportOptions
	cmd := &cobra.Command{
		Use:   "export <name>",
		Short: "Export an image from the cache to a file",
		Long: `Export the image for one platform as a tar archive. Formats: oci, an OCI image
layout; docker, for docker load; filesystem, the files that a container would
see. The file appears whole or not at all.`,
		Example: `  linuxkit cache export --outfile alpine.tar alpine:3.22
  linuxkit cache export --format docker --outfile - alpine:3.22 | docker load
  linuxkit cache export --format filesystem --platform linux/arm64 --outfile root.tar alpine:3.22`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.json && opts.outfile == "-" {
				return errors.New("--json and --outfile - both write to standard output; give a file")
			}
			return a.eachTransfer(cmd, args[:1], opts.json, false, func(t *transfer, name string) error {
				return cacheExport(t.ctx, a, name, opts)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.format, "format", "oci", "oci, docker or filesystem")
	flags.StringVar(&opts.outfile, "outfile", "", "file to write, - for standard output (required)")
	flags.StringVar(&opts.platform, "platform", hostPlatform(), "platform to export, os/arch[/variant]")
	flags.StringVar(&opts.name, "name", "", "name of the image inside the archive (default the name given)")
	flags.BoolVar(&opts.json, "json", false, jsonTransferUsage)
	return cmd
}

func cacheExport(ctx context.Context, a *app, name string, opts exportOptions) error {
	full := reference.Expand(name)
	inside := full
	if opts.name != "" {
		inside = reference.Expand(opts.name)
	}
	p, err := image.ParsePlatform(opts.platform)
	if err != nil {
		return err
	}
	export, ok := exporters[opts.format]
	if !ok {
		return fmt.Errorf("requested unknown format %s", opts.format)
	}
	s, err := content.Open(a.cacheDir)
	if err != nil {
		return err
	}
	root, err := s.Resolve(ctx, full)
	if errors.Is(err, content.ErrNotFound) {
		return fmt.Errorf("error getting reader for image %s: could not find image or index for %s; see linuxkit cache ls", name, full)
	}
	if err != nil {
		return err
	}
	img, err := image.Open(ctx, s, full, root, p)
	if err != nil {
		return fmt.Errorf("error getting reader for image %s: %w", name, err)
	}
	if opts.outfile == "" {
		return errors.New("'outfile' flag is required")
	}
	return writeOutput(ctx, a, opts.outfile, func(w io.Writer) error { return export(ctx, img, w, inside) })
}

// writeOutput writes a file that appears whole or not at all; "-" is standard
// output.
func writeOutput(ctx context.Context, a *app, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(a.stdout)
	}
	f, err := atomicfile.Create(name, 0o644)
	if err != nil {
		return fmt.Errorf("unable to open %s: %w", name, err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit(ctx)
}
