package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
)

// manyPackages is how many packages are named, and built, by one command.
const manyPackages = 50

// benchPackages times what a command that names many packages costs when none
// of them has changed.
func benchPackages(ctx context.Context, table *tabwriter.Writer) error {
	top, err := filepath.Abs(filepath.Join(dir, "packages"))
	if err != nil {
		return err
	}
	dirs, err := writePackages(ctx, top)
	if err != nil {
		return err
	}
	// Nothing is asked outside of this host, and nothing is left in the cache.
	env := []string{"LINUXKIT_MIRROR=http://127.0.0.1:1", "LINUXKIT_CACHE=" + filepath.Join(top, "cache")}
	pkg := func(args ...string) func(int) (cost, error) {
		return func(int) (cost, error) {
			return run(ctx, env, append(append([]string{"-q", "pkg"}, args...), dirs...)...)
		}
	}
	first, err := pkg("build")(0)
	if err != nil {
		return err
	}
	tags, err := median(pkg("show-tag"))
	if err != nil {
		return err
	}
	again, err := median(pkg("build"))
	if err != nil {
		return err
	}
	row(table, fmt.Sprintf("names of %d packages", manyPackages), fmt.Sprintf("%.2f s", tags.wall.Seconds()), "≤ 0.3 s")
	row(table, fmt.Sprintf("build of %d packages", manyPackages), fmt.Sprintf("%.2f s", first.wall.Seconds()), "")
	row(table, "the same when nothing has changed", fmt.Sprintf("%.2f s", again.wall.Seconds()), "≤ 1 s")
	return nil
}

// writePackages commits packages to a new repository and returns their
// directories.
func writePackages(ctx context.Context, top string) ([]string, error) {
	if err := os.RemoveAll(top); err != nil {
		return nil, err
	}
	var dirs []string
	for i := range manyPackages {
		pkg := filepath.Join(top, fmt.Sprintf("pkg%d", i))
		if err := os.MkdirAll(filepath.Join(pkg, "rootfs"), 0o755); err != nil {
			return nil, err
		}
		yml := fmt.Appendf(nil, "image: pkg%d\narches: [amd64, arm64]\nlayers: [files: rootfs]\n", i)
		for name, data := range map[string][]byte{"build.yml": yml, "rootfs/file": yml} {
			if err := os.WriteFile(filepath.Join(pkg, name), data, 0o644); err != nil {
				return nil, err
			}
		}
		dirs = append(dirs, pkg)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=bench", "-c", "user.email=bench@example.org", "commit", "-qm", "packages"}} {
		if out, err := exec.CommandContext(ctx, "git", append([]string{"-C", top}, args...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("git %v: %w: %s", args, err, out)
		}
	}
	return dirs, nil
}
