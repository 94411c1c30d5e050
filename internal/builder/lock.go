package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// DefaultArches are what [Lock] pins when no architecture is named.
var DefaultArches = []string{"amd64", "arm64", "riscv64"}

// Lock pins the present versions of the Debian packages of r for some
// architectures (none: [DefaultArches]) and writes them to debian.lock in its
// directory. A recipe without Debian packages needs no lock: a file that is
// there is removed.
func Lock(ctx context.Context, r Recipe, arches []string) error {
	if err := r.validate(); err != nil {
		return fmt.Errorf("lock package %s: %w", r.Dir, err)
	}
	if len(arches) == 0 {
		arches = DefaultArches
	}
	file := filepath.Join(r.Dir, LockFile)
	if !r.NeedsLock() {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	lock, err := resolveAll(ctx, r, arches)
	if err != nil {
		return fmt.Errorf("lock package %s: %w", r.Dir, err)
	}
	data, err := lock.encode()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(ctx, file, 0o644, data)
}

// NeedsLock tells whether the recipe has layers of Debian packages.
func (r *Recipe) NeedsLock() bool {
	return slices.ContainsFunc(r.Layers, func(l Layer) bool { return l.Debian != nil || l.Kernel != nil })
}

func resolveAll(ctx context.Context, r Recipe, arches []string) (*lockFile, error) {
	apts := resolvers{arches: arches, byComponents: map[string]*apt{}}
	defer apts.Close()
	lock := &lockFile{Version: lockVersion, Release: debianRelease}
	for _, l := range r.Layers {
		for _, arch := range arches {
			req, ok := l.request(arch)
			if !ok {
				continue
			}
			progress.Debugf(ctx, "resolve %v for %s", req.names, arch)
			a, err := apts.get(ctx, req.components)
			if err != nil {
				return nil, err
			}
			packages, err := a.resolve(ctx, req, arch)
			if err != nil {
				return nil, err
			}
			lock.put(req, arch, packages)
		}
	}
	return lock, nil
}

// resolvers has one resolver for each choice of components, so that a layer
// cannot get packages of components that only another one asks for.
type resolvers struct {
	arches       []string
	byComponents map[string]*apt
}

func (r *resolvers) get(ctx context.Context, components []string) (*apt, error) {
	key := strings.Join(components, " ")
	if a := r.byComponents[key]; a != nil {
		return a, nil
	}
	a, err := newApt(ctx, r.arches, components)
	if err == nil {
		r.byComponents[key] = a
	}
	return a, err
}

func (r *resolvers) Close() {
	for _, a := range r.byComponents {
		a.Close()
	}
}

// request returns what a layer needs of the lock for an architecture, if anything.
func (l *Layer) request(arch string) (request, bool) {
	switch {
	case !l.isFor(arch):
		return request{}, false
	case l.Debian != nil:
		return l.Debian.request(), true
	case l.Kernel != nil && l.Kernel.Packages[arch] != "":
		return l.Kernel.request(arch), true
	default:
		return request{}, false
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
