package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// rounds is how often a build is timed; the median counts.
const rounds = 5

// cost is what one run of the tool took.
type cost struct {
	wall time.Duration
	peak int64 // bytes of memory
}

// benchBuild times builds with and without what earlier ones left.
func benchBuild(ctx context.Context, table *tabwriter.Writer) error {
	// The first build makes the packages that the cache lacks.
	if _, err := run(ctx, nil, "-q", "build", "--no-sbom", "--dir", dir, "--name", "first", system); err != nil {
		return err
	}
	cold, err := median(func(int) (cost, error) {
		cache, err := coldCache()
		if err != nil {
			return cost{}, err
		}
		return run(ctx, []string{"LINUXKIT_CACHE=" + cache}, buildArgs(system)...)
	})
	if err != nil {
		return err
	}
	row(table, "build without any cached segment", fmt.Sprintf("%.2f s", cold.wall.Seconds()), "≤ 3 s")
	row(table, "its peak memory", mib(cold.peak), "≤ 100 MiB")
	warm, err := median(func(i int) (cost, error) {
		edit, err := writeEdit(i)
		if err != nil {
			return cost{}, err
		}
		return run(ctx, nil, buildArgs(system, edit)...)
	})
	if err != nil {
		return err
	}
	row(table, "build after a one-line change", fmt.Sprintf("%.2f s", warm.wall.Seconds()), "≤ 0.1 s")
	row(table, "cold over warm", fmt.Sprintf("%.0f ×", cold.wall.Seconds()/warm.wall.Seconds()), "≥ 20 ×")
	return nil
}

// writeEdit writes a configuration of one line that nothing was built with.
func writeEdit(i int) (string, error) {
	name := filepath.Join(dir, "edit.yml")
	text := fmt.Sprintf("files:\n  - {path: etc/edit, contents: \"%d\"}\n", i)
	return name, os.WriteFile(name, []byte(text), 0o644)
}

func buildArgs(files ...string) []string {
	return append([]string{"-q", "build", "--no-sbom", "--dir", dir, "--name", "timed"}, files...)
}

// run executes the tool with additional environment variables.
func run(ctx context.Context, env []string, args ...string) (cost, error) {
	return measure(ctx, env, tool, args...)
}

// measure executes a program with additional environment variables.
func measure(ctx context.Context, env []string, name string, args ...string) (cost, error) {
	return measureTo(ctx, os.Stderr, env, name, args...)
}

// measureTo is measure with another place for what the program has to say. The
// peak is at least that of this process, which Linux hands down.
func measureTo(ctx context.Context, log io.Writer, env []string, name string, args ...string) (cost, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s %v: %w", name, args, err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{wall: time.Since(began), peak: int64(usage.Maxrss) << 10}, nil
}

// median runs something several times.
func median(fn func(i int) (cost, error)) (cost, error) {
	var all []cost
	for i := range rounds {
		c, err := fn(i)
		if err != nil {
			return c, err
		}
		all = append(all, c)
	}
	return middle(all), nil
}

// middle returns the medians of time and of memory.
func middle(all []cost) cost {
	var walls []time.Duration
	var peaks []int64
	for _, c := range all {
		walls, peaks = append(walls, c.wall), append(peaks, c.peak)
	}
	slices.Sort(walls)
	slices.Sort(peaks)
	return cost{walls[len(all)/2], peaks[len(all)/2]}
}

// coldCache returns a copy of the cache that holds images only. Blobs are
// linked, not copied.
func coldCache() (string, error) {
	from := os.Getenv("LINUXKIT_CACHE")
	if from == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		from = filepath.Join(home, ".linuxkit", "cache")
	}
	to, err := filepath.Abs(filepath.Join(dir, "cache"))
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}
	for _, name := range []string{"oci-layout", "index.json", "blobs"} {
		if err := linkTree(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return "", err
		}
	}
	return to, nil
}

func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Link(path, target); err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

func mib(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
