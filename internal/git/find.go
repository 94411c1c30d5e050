package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotRepository says that a directory belongs to no git work tree.
var ErrNotRepository = errors.New("not in a git work tree")

// Cache finds repositories and keeps what they answered. It shows the state at
// the time of the first question: use a new one to look again. The zero value
// is ready; it is safe for concurrent use.
type Cache struct {
	tops  memo[string]
	repos memo[*Repository]
}

// Find returns the repository whose work tree holds the directory dir, an
// absolute path without symbolic links. The error is [ErrNotRepository] if
// there is none.
func (c *Cache) Find(ctx context.Context, dir string) (*Repository, error) {
	top, err := c.tops.do(nearest(dir), func() (string, error) { return topLevel(ctx, nearest(dir)) })
	if err != nil {
		return nil, err
	}
	if top == "" {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotRepository)
	}
	return c.repos.do(top, func() (*Repository, error) { return &Repository{top: top, small: isSmall(top)}, nil })
}

// smallIndex is the size of the index of a small work tree, in bytes: about
// four thousand files.
const smallIndex = 512 << 10

func isSmall(top string) bool {
	index, err := os.Stat(filepath.Join(top, ".git", "index"))
	return err == nil && index.Size() <= smallIndex
}

// nearest returns the closest directory above dir, or dir itself, for which
// git gives the same answers as for dir.
func nearest(dir string) string {
	if os.Getenv("GIT_DIR") != "" || os.Getenv("GIT_WORK_TREE") != "" {
		return dir
	}
	for d := dir; ; d = filepath.Dir(d) {
		if exists(d, "HEAD") && exists(d, "objects") { // a git directory itself
			return dir
		}
		if exists(d, ".git") {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// topLevel asks git for the root of the work tree of dir; empty if there is none.
func topLevel(ctx context.Context, dir string) (string, error) {
	out, err := run(ctx, dir, "rev-parse", "--is-inside-work-tree", "--show-toplevel")
	inside, top, _ := strings.Cut(out, "\n")
	switch {
	case err == nil && inside == "true":
		return filepath.EvalSymlinks(filepath.FromSlash(strings.TrimSuffix(top, "\n")))
	case inside != "":
		return "", fmt.Errorf("%s: unexpected output from git rev-parse --is-inside-work-tree: %s", dir, inside)
	case strings.Contains(fmt.Sprint(err), "not a git repository"):
		return "", nil
	}
	return "", err
}
