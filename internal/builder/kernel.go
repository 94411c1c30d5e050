package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/linuxkit/linuxkit/internal/progress"
)

func (k *Kernel) validate() error {
	if len(k.Packages) == 0 {
		return errors.New("kernel: there are no packages")
	}
	for arch, name := range k.Packages {
		if err := checkPackageName(name); err != nil {
			return fmt.Errorf("kernel: package for %s: %w", arch, err)
		}
	}
	for name, modules := range k.Tars {
		if err := validateTar(name, modules); err != nil {
			return fmt.Errorf("kernel: tars: %w", err)
		}
	}
	return nil
}

func validateTar(name string, modules []string) error {
	if name == "" || strings.ContainsAny(name, "/\\") || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%q is not the name of a file", name)
	}
	if name == kernelFile || name == kernelTarFile || name == kernelConfigFile {
		return fmt.Errorf("%s is made anyway", name)
	}
	return validatePatterns(modules)
}

func (k *Kernel) request(arch string) request {
	return request{names: []string{k.Packages[arch]}, kernel: true}
}

// Names of the files of a kernel image.
const (
	kernelFile       = "kernel"
	kernelTarFile    = "kernel.tar"
	kernelConfigFile = "config"
)

// kernelRevision changes when the same packages give other files.
const kernelRevision = 2

// kernelLayer repackages Debian's kernel.
func (j *job) kernelLayer(ctx context.Context, k *Kernel) (*stored, error) {
	arch := j.platform.Architecture
	if k.Packages[arch] == "" {
		return nil, fmt.Errorf("%w: no kernel package is named for %s", ErrRecipe, arch)
	}
	packages, err := j.locked(k.request(arch))
	if err != nil {
		return nil, err
	}
	return j.cachedLayer(ctx, []any{"kernel", kernelRevision, packages, k.Tars}, func() (*stored, error) {
		if err := fetch(ctx, j.store, packages, j.recipe.Dir); err != nil {
			return nil, err
		}
		t, err := j.kernelTree(ctx, k, packages)
		if err != nil {
			return nil, err
		}
		defer t.Close()
		return j.write(ctx, t)
	})
}

// kernelTree makes the files of the kernel image.
func (j *job) kernelTree(ctx context.Context, k *Kernel, packages []lockedPackage) (*tree, error) {
	t := newTree()
	src := &kernelSource{tree: tree{entries: map[string]*node{}, spool: t.spool}}
	err := src.unpack(ctx, j, packages, t)
	if err == nil {
		err = src.addTo(t, j.platform.Architecture)
	}
	if err == nil {
		progress.Infof(ctx, "indexing the modules of kernel %s", src.version)
		err = src.load(ctx)
	}
	if err == nil {
		err = src.addTars(ctx, t, k.Tars, j.mtime)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}
