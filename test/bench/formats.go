package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"

	"github.com/linuxkit/linuxkit/internal/output"
)

// formatRounds is how often each format is built in each way.
const formatRounds = 3

// patched are the formats of which a build after a small change has a bar.
var patched = []string{"raw-efi", "qcow2-efi", "kernel+squashfs", "kernel+erofs", "kernel+iso"}

// benchFormats times the default system in every format: without what earlier
// builds derived from the images, and after a one-line change.
func benchFormats(ctx context.Context, table *tabwriter.Writer) error {
	// The first build makes the packages and boot loaders that the cache lacks.
	if _, err := run(ctx, nil, formatArgs("raw-efi", system)...); err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Join(dir, "cache"))
	row(table, "format", "cold, after a one-line change, peak memory", "")
	for _, name := range output.Names() {
		if _, err := output.Select([]string{name}, runtime.GOARCH); err != nil {
			continue
		}
		cold, warm, err := timeFormat(ctx, name)
		if err != nil {
			return err
		}
		bar := "≤ 100 MiB"
		if slices.Contains(patched, name) {
			bar = "warm ≤ 0.5 s, " + bar
		}
		figure := fmt.Sprintf("%.2f s, %.2f s, %s", cold.wall.Seconds(), warm.wall.Seconds(), mib(max(cold.peak, warm.peak)))
		row(table, name, figure, bar)
	}
	return nil
}

// timeFormat returns the medians of builds without and with what earlier ones
// left.
func timeFormat(ctx context.Context, name string) (cold, warm cost, err error) {
	defer removeOutputs(name)
	var colds, warms []cost
	for i := range formatRounds {
		cache, err := coldCache()
		if err != nil {
			return cold, warm, err
		}
		env := []string{"LINUXKIT_CACHE=" + cache}
		c, err := run(ctx, env, formatArgs(name, system)...)
		if err != nil {
			return cold, warm, err
		}
		edit, err := writeEdit(i)
		if err != nil {
			return cold, warm, err
		}
		w, err := run(ctx, env, formatArgs(name, system, edit)...)
		if err != nil {
			return cold, warm, err
		}
		colds, warms = append(colds, c), append(warms, w)
	}
	return middle(colds), middle(warms), nil
}

func formatArgs(format string, files ...string) []string {
	return append([]string{"-q", "build", "--no-sbom", "--format", format, "--dir", dir, "--name", "format"}, files...)
}

// removeOutputs removes the files of a format, some of which are large.
func removeOutputs(format string) {
	if f, err := output.Lookup(format); err == nil {
		for _, name := range f.Files(filepath.Join(dir, "format")) {
			os.Remove(name)
		}
	}
}
