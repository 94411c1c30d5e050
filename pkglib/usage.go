package pkglib

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/buildkit"
)

// DiskUsage writes a table of what the BuildKit daemons for some platforms keep
// to w, with all that is known of each entry if verbose.
func DiskUsage(ctx context.Context, w io.Writer, builders map[string]string, bc BuilderConfig, platforms []string, verbose bool) error {
	var all []buildkit.Record
	err := eachBuilder(ctx, builders, bc, platforms, func(pool *buildkit.Pool, v visit) error {
		list, err := pool.Usage(ctx, v.platform, v.names)
		all = append(all, list...)
		return err
	})
	if err != nil {
		return fmt.Errorf("unable to print disk usage of builder: %w", err)
	}
	if verbose {
		return writeRecords(w, all)
	}
	return writeTable(w, all)
}

// PruneBuilder empties the caches of the BuildKit daemons for some platforms
// and writes how much that freed to w.
func PruneBuilder(ctx context.Context, w io.Writer, builders map[string]string, bc BuilderConfig, platforms []string, verbose bool) error {
	var freed int64
	err := eachBuilder(ctx, builders, bc, platforms, func(pool *buildkit.Pool, v visit) error {
		return pool.Prune(ctx, v.platform, v.names, func(r buildkit.Record) {
			freed += r.Size
			if verbose {
				fmt.Fprintf(w, "%s\tremoved\t%s\n", r.ID, binarySize(r.Size))
			}
		})
	})
	if err != nil {
		return fmt.Errorf("unable to prune builder: %w", err)
	}
	_, err = fmt.Fprintf(w, "Reclaimed:\t%s\n", binarySize(freed))
	return err
}

func eachBuilder(ctx context.Context, builders map[string]string, bc BuilderConfig, platforms []string, fn func(*buildkit.Pool, visit) error) (err error) {
	o := &buildOpts{}
	if err := WithBuildBuilders(builders)(o); err != nil {
		return err
	}
	runner := NewDockerRunner(true, bc)
	defer func() { err = errors.Join(err, runner.Close(ctx)) }()
	for _, text := range platforms {
		p, err := ParsePlatform(text)
		if err != nil {
			return fmt.Errorf("cannot get client: failed to parse platform: %w", err)
		}
		if err := fn(runner.pool, visit{p, o.builders[formatPlatform(p)]}); err != nil {
			return err
		}
	}
	return nil
}

func writeTable(w io.Writer, all []buildkit.Record) error {
	t := tabwriter.NewWriter(w, 1, 8, 1, '\t', 0)
	fmt.Fprintln(t, "ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED")
	for _, r := range all {
		fmt.Fprintf(t, "%s\t%v\t%s\t%s\n", r.ID+mark(r.Mutable), !r.InUse, decimalSize(r.Size)+mark(r.Shared), sinceUse(r.LastUsed))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return writeSums(w, all)
}

func mark(set bool) string {
	if set {
		return "*"
	}
	return ""
}

func sinceUse(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return time.Since(at).Round(time.Second).String() + " ago"
}

func writeSums(w io.Writer, all []buildkit.Record) error {
	var total, reclaimable, shared int64
	for _, r := range all {
		total += r.Size
		if !r.InUse {
			reclaimable += r.Size
		}
		if r.Shared {
			shared += r.Size
		}
	}
	t := tabwriter.NewWriter(w, 1, 8, 1, '\t', 0)
	if shared > 0 {
		fmt.Fprintf(t, "Shared:\t%s\nPrivate:\t%s\n", decimalSize(shared), decimalSize(total-shared))
	}
	fmt.Fprintf(t, "Reclaimable:\t%s\nTotal:\t%s\n", decimalSize(reclaimable), decimalSize(total))
	return t.Flush()
}

func writeRecords(w io.Writer, all []buildkit.Record) error {
	t := tabwriter.NewWriter(w, 1, 8, 1, '\t', 0)
	for _, r := range all {
		fmt.Fprintf(t, "ID:\t%s\nCreated at:\t%s\nMutable:\t%v\nReclaimable:\t%v\nShared:\t%v\nSize:\t%s\n",
			r.ID, r.Created.UTC().Format(time.RFC3339), r.Mutable, !r.InUse, r.Shared, decimalSize(r.Size))
		for _, p := range r.Parents {
			fmt.Fprintf(t, "Parent:\t%s\n", p)
		}
		fmt.Fprintf(t, "Description:\t%s\nUsage count:\t%d\nLast used:\t%s\nType:\t%s\n\n", r.Description, r.Uses, sinceUse(r.LastUsed), r.Type)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return writeSums(w, all)
}

func decimalSize(n int64) string { return humanSize(n, 1000, "B", "kB", "MB", "GB", "TB", "PB", "EB") }

func binarySize(n int64) string {
	return humanSize(n, 1024, "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
}

func humanSize(n int64, base float64, units ...string) string {
	value, unit := float64(n), 0
	for value >= base && unit < len(units)-1 {
		value, unit = value/base, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d%s", n, units[0])
	}
	return fmt.Sprintf("%.2f%s", value, units[unit])
}

// visit are the daemons for a platform.
type visit struct {
	platform ocispec.Platform
	names    []string
}
