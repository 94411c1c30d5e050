package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/pkglib"
)

// watchPause is the pause between two looks at the packages.
const watchPause = 500 * time.Millisecond

// watchAndBuild builds, and again whenever the hash of a package changes. A
// failure is told, and what follows is tried.
func (f *pkgBuildFlags) watchAndBuild(cmd *cobra.Command, a *app, dirs []string) error {
	ctx, last := cmd.Context(), ""
	f.force = f.force || f.cfg.Hash != "" || f.cfg.Dev
	for ctx.Err() == nil {
		if now := f.state(ctx, dirs); now != last {
			last = now
			pkgs, err := f.load(ctx, cmd.Flags(), dirs)
			f.attempt(ctx, a, pkgs, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchPause):
		}
	}
	return nil
}

func (f *pkgBuildFlags) attempt(ctx context.Context, a *app, pkgs []pkglib.Pkg, err error) {
	if err == nil {
		err = f.run(ctx, a, pkgs)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		fmt.Fprintf(a.stderr, "Error: %v\n", err)
	default:
		progress.Infof(ctx, "watching for changes; interrupt to end")
	}
}

// state tells edits apart, by the hashes that the packages have without the
// flags that fix them.
func (f *pkgBuildFlags) state(ctx context.Context, dirs []string) string {
	cfg := f.cfg
	cfg.Hash, cfg.Dev, cfg.Tag = "", false, ""
	pkgs, err := pkglib.NewFromConfig(ctx, cfg, dirs...)
	if err != nil {
		return "error " + err.Error()
	}
	hashes := make([]string, len(pkgs))
	for i, p := range pkgs {
		hashes[i] = p.Hash() + p.Hidden()
	}
	return strings.Join(hashes, " ")
}
