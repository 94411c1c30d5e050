package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/inspect"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// errNotSame means that a build made other files the second time.
var errNotSame = errors.New("the build does not give the same result twice")

// again builds a second time, in a private place and without what earlier
// builds left in the cache, and compares the files with those named.
func (p *project) again(ctx context.Context, names []string) error {
	dir, err := os.MkdirTemp("", "linuxkit-check-*")
	if err != nil {
		return fmt.Errorf("check the build: %w", err)
	}
	defer os.RemoveAll(dir)
	cold, err := content.Open(filepath.Join(dir, "cache"))
	if err != nil {
		return err
	}
	progress.Infof(ctx, "Check: build again")
	second := *p
	second.out.Dir, second.out.Cache = dir, cold.Derived()
	if p.options.out != "" {
		second.options.out = filepath.Join(dir, filepath.Base(p.options.out))
	}
	// All that there is to be told was told the first time.
	silent := progress.With(ctx, progress.Discard)
	if err := second.plan(silent); err != nil {
		return err
	}
	defer second.closeBOM()
	others, err := second.write(silent, io.Discard)
	if err != nil {
		return err
	}
	if len(names) != len(others) {
		return fmt.Errorf("%w: %d files first, %d then", errNotSame, len(names), len(others))
	}
	var differing []string
	for i := range names {
		what, err := compareFiles(ctx, names[i], others[i])
		if err != nil {
			return err
		}
		if what != "" {
			differing = append(differing, what)
		}
	}
	if len(differing) > 0 {
		return fmt.Errorf("%w:\n%s", errNotSame, strings.Join(differing, "\n"))
	}
	progress.Infof(ctx, "Check: %d files are the same", len(names))
	return nil
}

// compareFiles says how the second file differs from the first, "" if it does
// not.
func compareFiles(ctx context.Context, first, second string) (string, error) {
	d, err := inspect.CompareFiles(ctx, first, second)
	if err != nil || d == nil {
		return "", err
	}
	what := fmt.Sprintf("%s differs from byte %d on", first, d.Offset)
	switch {
	case d.Trees == nil:
		return what, nil
	case d.Trees.Equal():
		return what + "; the files in it are the same", nil
	}
	paths := d.Trees.Differences
	return fmt.Sprintf("%s: %d paths differ, the first is %s", what, len(paths), describeDifference(paths[0])), nil
}
