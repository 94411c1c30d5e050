package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
)

func newCacheGCCmd(a *app) *cobra.Command {
	var age time.Duration
	var size string
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what no image of the cache needs",
		Long: `Remove blobs that no image refers to: what rebuilds, new pulls under an old
name and processes that were killed leave behind. Images stay; remove those
with linuxkit cache rm.

With --age, blobs younger than that stay, and derived files that were not used
for so long go as well: what builds keep to be quick the next time. With
--max-size, the derived files used least recently go until the cache is not
larger than that.

Nothing is removed while another process writes to the cache.`,
		Example: `  linuxkit cache gc
  linuxkit cache gc --age 168h --max-size 20G
  linuxkit cache gc --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			limits := content.Limits{Age: age, Size: -1, DryRun: dry}
			if size != "" {
				var err error
				if limits.Size, err = parseSize(size); err != nil {
					return fmt.Errorf("--max-size: %w", err)
				}
			}
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			got, err := s.CollectGarbage(cmd.Context(), limits)
			if errors.Is(err, content.ErrBusy) {
				return fmt.Errorf("nothing was removed: %w; try again when that has ended", err)
			}
			if err != nil {
				return fmt.Errorf("collect garbage in cache %s: %w", a.cacheDir, err)
			}
			if asJSON {
				return writeJSON(a.stdout, collected{got.Blobs, got.BlobBytes, got.Derived, got.DerivedBytes})
			}
			verb := "removed"
			if dry {
				verb = "would remove"
			}
			progress.Infof(cmd.Context(), "%s %d blobs, %s, and %d derived files, %s", verb, got.Blobs, byteSize(got.BlobBytes), got.Derived, byteSize(got.DerivedBytes))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&age, "age", 0, "keep what was written or used in this time, such as 36h")
	flags.StringVar(&size, "max-size", "", "remove derived files until the cache is not larger, such as 20G (default no limit)")
	flags.BoolVar(&dry, "dry-run", false, "only tell what would be removed")
	flags.BoolVar(&asJSON, "json", false, "write the numbers to standard output as JSON")
	return cmd
}

// collected is what `cache gc --json` writes.
type collected struct {
	Blobs        int   `json:"blobs"`
	BlobBytes    int64 `json:"blobBytes"`
	Derived      int   `json:"derived"`
	DerivedBytes int64 `json:"derivedBytes"`
}

// parseSize reads a number of bytes, perhaps with a decimal unit: 500M, 20G,
// 1.5T, 100kB.
func parseSize(s string) (int64, error) {
	bad := fmt.Errorf("%q is not a size; write a number of bytes, or one with k, M, G or T", s)
	number := strings.TrimSuffix(s, "B")
	factor := 1.0
	if i := len(number) - 1; i >= 0 {
		if n := strings.IndexByte("kMGT", number[i]); n >= 0 {
			for range n + 1 {
				factor *= 1000
			}
			number = number[:i]
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if value *= factor; err != nil || !(value >= 0 && value < 1<<62) {
		return 0, bad
	}
	return int64(value), nil
}
