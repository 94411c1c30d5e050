package git

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Head is the only name of a commit for which the work tree counts.
const Head = "HEAD"

// Repository is one work tree. It is safe for concurrent use.
type Repository struct {
	top string
	// small says that asking about the whole work tree costs no more than
	// asking about one of its directories.
	small     bool
	listing   memo[map[string]string]
	revisions memo[string]
	changes   memo[[]Change]
	tracked   memo[[]string]

	mu    sync.Mutex
	alone []string // entries of the root that were asked about alone
}

// Top returns the absolute path of the root of the work tree.
func (r *Repository) Top() string { return r.top }

// Object returns the id, in lower-case hexadecimal digits, of the tree or blob
// that commit has at file, an absolute path in the work tree without symbolic
// links. It is an error if the commit has none.
func (r *Repository) Object(ctx context.Context, commit, file string) (string, error) {
	name, err := r.relative(file)
	if err != nil {
		return "", err
	}
	if name == "." {
		return r.revision(ctx, commit, "^{tree}")
	}
	if err := checkName(commit); err != nil {
		return "", err
	}
	dir := path.Dir(name)
	if r.small {
		dir = "."
	}
	entries, err := r.listing.do(commit+"\x00"+dir, func() (map[string]string, error) { return r.list(ctx, commit, dir) })
	if err != nil {
		return "", err
	}
	if id, ok := entries[name]; ok {
		return id, nil
	}
	return "", fmt.Errorf("package %s is not in git; commit it first", file)
}

// list maps the names in a directory of a commit, or all names if the work
// tree is small, to their objects.
func (r *Repository) list(ctx context.Context, commit, dir string) (map[string]string, error) {
	args := []string{"ls-tree", "-z", "--full-tree", commit}
	switch {
	case r.small:
		args = append(args, "-r", "-t")
	case dir != ".":
		args = append(args, "--", dir+"/")
	}
	out, err := run(ctx, r.top, args...)
	if err != nil {
		return nil, err
	}
	entries := map[string]string{}
	for _, line := range records(out) {
		m := treeEntry.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("unable to parse ls-tree output: %q", line)
		}
		entries[m[2]] = m[1]
	}
	return entries, nil
}

var treeEntry = regexp.MustCompile(`(?s)^[0-7]{6} [a-z]+ ([0-9a-f]{40}|[0-9a-f]{64})\t(.+)$`)

// relative returns the slash-separated path of file from the top.
func (r *Repository) relative(file string) (string, error) {
	rel, err := filepath.Rel(r.top, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s is outside of the git work tree %s", file, r.top)
	}
	return filepath.ToSlash(rel), nil
}

// Commit returns the full id of a commit.
func (r *Repository) Commit(ctx context.Context, name string) (string, error) {
	return r.revision(ctx, name, "^{commit}")
}

func (r *Repository) revision(ctx context.Context, name, peel string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	return r.revisions.do(name+peel, func() (string, error) {
		out, err := run(ctx, r.top, "rev-parse", "--verify", name+peel)
		return strings.TrimSpace(out), err
	})
}

// checkName refuses what git would take for an option.
func checkName(commit string) error {
	if commit == "" || strings.HasPrefix(commit, "-") {
		return fmt.Errorf("%q cannot be the name of a commit", commit)
	}
	return nil
}
