package pkglib

import (
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/linuxkit/linuxkit/internal/git"
)

// devHash is the hash of a development build.
const devHash = "dev"

// identify computes the hash of the package: the tree that git has for it,
// with a suffix if the work tree differs.
func (p *Pkg) identify(ctx context.Context, cfg PkglibConfig, repos *git.Cache) error {
	within, err := p.hashPath(cfg.HashPath)
	if err != nil {
		return err
	}
	trees, err := p.sourceTrees(ctx, cfg.HashCommit)
	if err != nil {
		return err
	}
	p.hash = cfg.Hash
	if p.hash == "" && cfg.Dev {
		p.hash = devHash
	}
	real, repo, err := locate(ctx, repos, p.dir)
	if errors.Is(err, git.ErrNotRepository) {
		return nil
	} else if err != nil {
		return err
	}
	p.repo = repo
	h := hasher{ctx: ctx, commit: cfg.HashCommit, dir: real, repo: repo, sources: p.sources}
	if h.top, err = filepath.EvalSymlinks(cmp.Or(within, real)); err != nil {
		return err
	}
	p.dirty = cfg.Dirty || h.edited()
	if p.hash == "" {
		p.hash, err = h.hash(trees, p.dirty)
		p.hidden = h.hidden
	}
	return err
}

// hashPath returns the absolute directory to hash; empty for the package's own.
func (p *Pkg) hashPath(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if !git.Within(abs, p.dir) {
		return "", fmt.Errorf("package %s: Hash path is not a prefix of the package path: %s", p.dir, abs)
	}
	return abs, nil
}

func (p *Pkg) sourceTrees(ctx context.Context, commit string) ([]string, error) {
	var ids []string
	for _, s := range p.sources {
		id, err := s.repo.Object(ctx, commit, s.file)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// hasher computes the hash of one package. Its paths have no links.
type hasher struct {
	ctx      context.Context
	commit   string
	dir, top string // the package, and what is hashed: the same or above it
	repo     *git.Repository
	sources  []source
	hidden   string // tells apart edits that the hash may not show
}

// hash returns the id of the tree, mixed with those of the sources.
func (h *hasher) hash(sources []string, dirty bool) (string, error) {
	id, err := h.repo.Object(h.ctx, h.commit, h.top)
	if err != nil {
		return "", err
	}
	if len(sources) > 0 {
		mix := sha1.New()
		for _, s := range append([]string{id}, sources...) {
			io.WriteString(mix, s)
		}
		id = hex.EncodeToString(mix.Sum(nil))
	}
	if !dirty {
		return id, nil
	}
	content, err := h.content()
	return id + "-dirty-" + content, err
}

// edited reports whether something that counts for the hash differs from HEAD.
// What cannot be compared differs.
func (h *hasher) edited() bool {
	if h.commit != git.Head {
		return false
	}
	changes, err := h.repo.Changes(h.ctx, h.top)
	return err != nil || len(changes) > 0 || slices.ContainsFunc(h.sources, h.sourceEdited)
}

func (h *hasher) sourceEdited(s source) bool {
	changes, err := s.repo.Changes(h.ctx, s.file)
	return err != nil || len(changes) > 0
}

// content returns the first digits of a hash over the files of the package:
// first those that git knows, then the others, nothing but their content. The
// edits of sources that lie elsewhere follow.
func (h *hasher) content() (string, error) {
	files, err := h.repo.Files(h.ctx, h.dir)
	if err != nil {
		return "", err
	}
	changes, err := h.repo.Changes(h.ctx, h.top)
	if err != nil {
		return "", err
	}
	sum, hidden := sha256.New(), sha256.New()
	for _, f := range files {
		copyFile(sum, f)
	}
	for _, c := range changes {
		if c.Status == "?" && git.Within(h.dir, c.Path) {
			copyFile(sum, c.Path)
		}
		if !h.shows(c) {
			record(hidden, h.repo, c)
			h.hidden = hex.EncodeToString(hidden.Sum(nil))
		}
	}
	err = h.addSources(sum)
	return hex.EncodeToString(sum.Sum(nil))[:7], err
}

// shows reports whether the content of the files of the package tells an edit
// from all others.
func (h *hasher) shows(c git.Change) bool {
	info, err := os.Lstat(c.Path)
	return err == nil && info.Mode().IsRegular() && git.Within(h.dir, c.Path) && c.ContentOnly()
}

// addSources hashes the edits of the sources outside of what is hashed already.
func (h *hasher) addSources(sum hash.Hash) error {
	for _, s := range h.sources {
		if git.Within(h.top, s.file) {
			continue
		}
		changes, err := s.repo.Changes(h.ctx, s.file)
		if err != nil {
			return err
		}
		for _, c := range changes {
			record(sum, s.repo, c)
		}
	}
	return nil
}

func record(sum hash.Hash, repo *git.Repository, c git.Change) {
	name, err := filepath.Rel(repo.Top(), c.Path)
	if err != nil {
		name = c.Path
	}
	fmt.Fprintf(sum, "\x00%s %s %s\x00", c.Status, c.New, filepath.ToSlash(name))
	if target, err := os.Readlink(c.Path); err == nil {
		io.WriteString(sum, target)
	} else {
		copyFile(sum, c.Path)
	}
}

// copyFile hashes a regular file. What is none, or cannot be read, has no
// content.
func copyFile(sum hash.Hash, path string) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if f, err := os.Open(path); err == nil {
		io.Copy(sum, f)
		f.Close()
	}
}
