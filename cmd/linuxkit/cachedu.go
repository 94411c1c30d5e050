package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
)

func newCacheDuCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "du",
		Short: "Tell what takes the space of the cache",
		Long: `Tell for each image of the cache how large it is and how much of that no other
name refers to, the largest last, and what all of the cache takes. What is not
referred to at all goes with linuxkit cache gc.`,
		Example: `  linuxkit cache du
  linuxkit cache du --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			u, err := s.Usage(cmd.Context())
			if err != nil {
				return fmt.Errorf("measure cache %s: %w", a.cacheDir, err)
			}
			if asJSON {
				return writeJSON(a.stdout, usageOf(u))
			}
			writeUsage(a, u)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON to standard output, in bytes")
	return cmd
}

// usage is what `cache du --json` writes.
type usage struct {
	Images       []imageUsage `json:"images"`
	Blobs        int64        `json:"blobs"`
	Unreferenced int64        `json:"unreferenced"`
	Derived      int64        `json:"derived"`
	Total        int64        `json:"total"`
}

type imageUsage struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	Own    int64  `json:"own"`
}

func usageOf(u content.Usage) usage {
	out := usage{Images: []imageUsage{}, Blobs: u.Blobs, Unreferenced: u.Unreferenced, Derived: u.Derived, Total: u.Total()}
	for _, i := range u.Images {
		out.Images = append(out.Images, imageUsage{i.Ref, i.Digest.String(), i.Whole, i.Own})
	}
	return out
}

func writeUsage(a *app, u content.Usage) {
	slices.SortStableFunc(u.Images, func(x, y content.ImageUsage) int { return int(min(1, max(-1, x.Whole-y.Whole))) })
	fmt.Fprintf(a.stdout, "%10s %10s  %s\n", "size", "own", "image")
	for _, i := range u.Images {
		fmt.Fprintf(a.stdout, "%10s %10s  %s\n", byteSize(i.Whole), byteSize(i.Own), i.Ref)
	}
	fmt.Fprintf(a.stdout, "\nblobs         %10s\n", byteSize(u.Blobs))
	fmt.Fprintf(a.stdout, "unreferenced  %10s of these\n", byteSize(u.Unreferenced))
	fmt.Fprintf(a.stdout, "derived       %10s\n", byteSize(u.Derived))
	fmt.Fprintf(a.stdout, "total         %10s\n", byteSize(u.Total()))
}
