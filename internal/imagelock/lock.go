// Package imagelock keeps what the names of images stood for in a file, so that
// a later build uses the same images whatever happens to the names.
//
// It owns the file and the comparison with what a build finds. Finding images
// is the business of package image, which asks for the locked digests.
package imagelock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

// ErrNotLocked means that an image is not in the lock file.
var ErrNotLocked = errors.New("image is not locked")

// ErrMismatch means that an image is not the locked one.
var ErrMismatch = errors.New("image is not the locked one")

// Lock is a lock file in use by one build. It is safe for concurrent use.
type Lock struct {
	name string
	// locked is what the file said; nil if it is to be written.
	locked entries
	// old is what the file said before it is written anew.
	old entries

	mu   sync.Mutex
	used entries
}

// entries are images by name.
type entries map[string]entry

// entry is what the name of an image stands for.
type entry struct {
	// Digest is that of the index, or of the manifest of a lone image.
	Digest digest.Digest `yaml:"digest"`
	// Platforms are the manifests of the index that builds used, by platform.
	Platforms map[string]digest.Digest `yaml:"platforms"`
	// Contents are what images are made of that were built from local
	// packages, by platform; see [image.Image.Contents]. Their digests depend
	// on the commit and on which other platforms were built.
	Contents map[string]digest.Digest `yaml:"contents"`
}

// Open reads the lock file. One that does not exist, or is to be updated, will
// be written by [Lock.Save] with what the build uses.
func Open(name string, update bool) (*Lock, error) {
	l := &Lock{name: name, used: entries{}}
	read, err := readFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, fmt.Errorf("read lock file %s: %w", name, err)
	case update:
		l.old = read
	default:
		l.locked = read
	}
	return l, nil
}

// Pin returns the digest that an image must have, "" if it may have any or is
// known by its contents. The error is [ErrNotLocked].
func (l *Lock) Pin(ref string) (digest.Digest, error) {
	if l.locked == nil {
		return "", nil
	}
	e, ok := l.locked[ref]
	if !ok {
		return "", l.notLocked(ref)
	}
	return e.Digest, nil
}

func (l *Lock) notLocked(what string) error {
	return fmt.Errorf("%w: %s is not in %s; --lock-update adds it", ErrNotLocked, what, l.name)
}

// Check compares an image that a build is about to use with the lock, and
// remembers it.
func (l *Lock) Check(_ context.Context, f image.Found) error {
	platform := ""
	if f.Platform.Architecture != "" {
		platform = image.Format(f.Platform)
	}
	if l.locked != nil {
		return l.compare(f, platform)
	}
	return l.remember(f, platform)
}

// remember notes an image for the file that will be written.
func (l *Lock) remember(f image.Found, platform string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.used[f.Ref]
	if !ok {
		e = entry{Platforms: map[string]digest.Digest{}, Contents: map[string]digest.Digest{}}
	}
	if f.Built && f.Image != nil {
		contents, err := f.Image.Contents()
		if err != nil {
			return err
		}
		if known, ok := e.Contents[platform]; ok && known != contents {
			return changed(f.Ref+" for "+platform, known, contents)
		}
		e.Contents[platform] = contents
		l.used[f.Ref] = e
		return nil
	}
	if e.Digest != "" && e.Digest != f.Root.Digest {
		return changed(f.Ref, e.Digest, f.Root.Digest)
	}
	e.Digest = f.Root.Digest
	if platform != "" {
		e.Platforms[platform] = f.Manifest.Digest
	}
	l.used[f.Ref] = e
	return nil
}

func changed(what string, was, is digest.Digest) error {
	return fmt.Errorf("image %s changed during the build: it was %s and is %s", what, was, is)
}

func (l *Lock) compare(f image.Found, platform string) error {
	e, ok := l.locked[f.Ref]
	if !ok {
		return l.notLocked(f.Ref)
	}
	if want, ok := e.Contents[platform]; ok && f.Image != nil {
		return l.compareContents(f, platform, want)
	}
	if e.Digest == "" {
		return l.notLocked(f.Ref + " for " + platform)
	}
	if e.Digest != f.Root.Digest {
		return l.mismatch(f.Ref, e.Digest, f.Root.Digest)
	}
	if platform == "" {
		return nil
	}
	want, ok := e.Platforms[platform]
	if !ok {
		return l.notLocked(f.Ref + " for " + platform)
	}
	if want != f.Manifest.Digest {
		return l.mismatch(f.Ref+" for "+platform, want, f.Manifest.Digest)
	}
	return nil
}

func (l *Lock) compareContents(f image.Found, platform string, want digest.Digest) error {
	got, err := f.Image.Contents()
	if err != nil {
		return err
	}
	if got != want {
		return l.mismatch("what is in "+f.Ref+" for "+platform, want, got)
	}
	return nil
}

func (l *Lock) mismatch(what string, locked, found digest.Digest) error {
	return fmt.Errorf("%w: %s is locked to %s in %s and is %s; --lock-update accepts that", ErrMismatch, what, locked, l.name, found)
}

// Save writes the lock file if it did not exist or is to be updated. Other
// platforms of the same images stay locked.
func (l *Lock) Save(ctx context.Context, s *content.Store) error {
	if l.locked != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for ref, e := range l.used {
		l.keep(ctx, s, l.old[ref], e)
	}
	if err := l.used.writeFile(ctx, l.name); err != nil {
		return fmt.Errorf("write lock file %s: %w", l.name, err)
	}
	return nil
}

// keep takes over the platforms that the build did not use, of an image that is
// still what it was.
func (l *Lock) keep(ctx context.Context, s *content.Store, old, e entry) {
	for platform, d := range old.Platforms {
		if _, ok := e.Platforms[platform]; !ok && listed(ctx, s, e.Digest, d) {
			e.Platforms[platform] = d
		}
	}
	for platform, d := range e.Contents {
		if known, ok := old.Contents[platform]; ok && known != d {
			return
		}
	}
	if len(e.Contents) == 0 {
		return
	}
	for platform, d := range old.Contents {
		e.Contents[platform] = d
	}
}

// listed tells whether an index lists a manifest.
func listed(ctx context.Context, s *content.Store, index, manifest digest.Digest) bool {
	i, err := s.ReadIndex(ctx, ocispec.Descriptor{Digest: index})
	if err != nil {
		return index == manifest
	}
	for _, d := range i.Manifests {
		if d.Digest == manifest {
			return true
		}
	}
	return false
}
