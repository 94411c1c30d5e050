package git

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Change is one file of the work tree that differs from HEAD.
type Change struct {
	// Path is absolute.
	Path string
	// Status is git's letter: A, D, M, T, U, or ? for an untracked file.
	Status string
	// Old and New are git's modes, such as 100644; empty for an untracked file.
	Old, New string
}

// ContentOnly reports whether the change shows in the content of a file and in
// nothing else: an edited or untracked file, but no deletion, change of mode
// or type. It cannot tell an untracked symbolic link.
func (c Change) ContentOnly() bool {
	return c.Status == "?" || (c.Status == "A" || c.Old == c.New) && strings.HasPrefix(c.New, "100")
}

// Changes returns what differs from HEAD at or below file: staged, unstaged,
// deleted, and files that are neither tracked nor ignored.
func (r *Repository) Changes(ctx context.Context, file string) ([]Change, error) {
	name, err := r.relative(file)
	if err != nil {
		return nil, err
	}
	scope := r.scope(name)
	all, err := r.changes.do(scope, func() ([]Change, error) { return r.diff(ctx, scope) })
	var in []Change
	for _, c := range all {
		if Within(file, c.Path) {
			in = append(in, c)
		}
	}
	return in, err
}

// Files returns the absolute paths of the files at or below file that git
// knows, in the order of the index.
func (r *Repository) Files(ctx context.Context, file string) ([]string, error) {
	name, err := r.relative(file)
	if err != nil {
		return nil, err
	}
	scope := r.scope(name)
	all, err := r.tracked.do(scope, func() ([]string, error) {
		out, err := run(ctx, r.top, "ls-files", "-z", "--", scope)
		return r.absolute(records(out)), err
	})
	var in []string
	for _, f := range all {
		if Within(file, f) {
			in = append(in, f)
		}
	}
	return in, err
}

// maxAlone is how many entries of the root of a work tree are asked about one
// by one.
const maxAlone = 3

// scope returns the directory to ask about at once for name: all of a small
// work tree, else that of its siblings. For entries of the root this is the
// whole work tree, which may be large, so the first few are asked about alone.
func (r *Repository) scope(name string) string {
	if r.small {
		return "."
	}
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.alone, name) {
		if len(r.alone) == maxAlone {
			return "."
		}
		r.alone = append(r.alone, name)
	}
	return name
}

// diff asks for tracked and for untracked files at the same time.
func (r *Repository) diff(ctx context.Context, dir string) ([]Change, error) {
	var tracked, untracked string
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		tracked, err = run(ctx, r.top, "diff", "--no-ext-diff", "--no-renames", "--raw", "-z", Head, "--", dir)
		return err
	})
	g.Go(func() (err error) {
		untracked, err = run(ctx, r.top, "ls-files", "-z", "--others", "--exclude-standard", "--", dir)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	changes, err := r.parseRaw(records(tracked))
	for _, f := range r.absolute(records(untracked)) {
		changes = append(changes, Change{Path: f, Status: "?"})
	}
	return changes, err
}

// parseRaw reads pairs of ":<old mode> <new mode> <old id> <new id> <status>"
// and path.
func (r *Repository) parseRaw(rec []string) ([]Change, error) {
	var changes []Change
	for i := 0; i < len(rec); i += 2 {
		f := strings.Fields(strings.TrimPrefix(rec[i], ":"))
		if len(f) != 5 || i+1 == len(rec) {
			return nil, fmt.Errorf("unable to parse git diff output: %q", rec[i])
		}
		changes = append(changes, Change{r.abs(rec[i+1]), f[4], f[0], f[1]})
	}
	return changes, nil
}

func (r *Repository) abs(name string) string { return filepath.Join(r.top, filepath.FromSlash(name)) }

func (r *Repository) absolute(names []string) []string {
	for i, n := range names {
		names[i] = r.abs(n)
	}
	return names
}

// Within reports whether file is dir or lies below it, comparing whole path
// components of clean paths.
func Within(dir, file string) bool {
	rest, found := strings.CutPrefix(file, dir)
	return found && (rest == "" || os.IsPathSeparator(rest[0]) || os.IsPathSeparator(dir[len(dir)-1]))
}
