package pkglib

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/internal/git"
)

// source is an entry of extra-sources.
type source struct {
	file string // absolute, links resolved
	dst  string // slash-separated, in the build context
	repo *git.Repository
}

func findSources(ctx context.Context, repos *git.Cache, dir string, entries []string) ([]source, error) {
	var list []source
	for _, entry := range entries {
		s, err := findSource(ctx, repos, dir, entry)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func findSource(ctx context.Context, repos *git.Cache, dir, entry string) (source, error) {
	parts := strings.Split(entry, ":")
	if len(parts) != 2 {
		return source{}, fmt.Errorf("bad source format in %s", entry)
	}
	src := filepath.Clean(parts[0])
	if !filepath.IsAbs(src) {
		src = filepath.Join(dir, src)
	}
	file, repo, err := locate(ctx, repos, src)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, git.ErrNotRepository) {
		return source{}, fmt.Errorf("source %s not in a git repository", src)
	}
	return source{file, path.Clean(filepath.ToSlash(parts[1])), repo}, err
}

// locate resolves the links of a path and finds its repository.
func locate(ctx context.Context, repos *git.Cache, name string) (string, *git.Repository, error) {
	file, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", nil, err
	}
	dir := file
	if !info.IsDir() {
		dir = filepath.Dir(file)
	}
	repo, err := repos.Find(ctx, dir)
	return file, repo, err
}
