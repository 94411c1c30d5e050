package pkglib

import (
	"context"
	"errors"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// indexArches are the architectures that [Pkg.Index] looks for.
var indexArches = []string{"amd64", "arm64", "s390x", "riscv64", "ppc64le"}

// Index makes the index of the package in the registry anew, out of the images
// that the registry has for single architectures; and that of a release.
func (p Pkg) Index(ctx context.Context, opts ...BuildOpt) error {
	o := &buildOpts{push: true}
	for _, opt := range opts {
		if err := opt(o); err != nil {
			return err
		}
	}
	if o.remote == nil {
		return errors.New("there is no registry to make an index in")
	}
	names := []string{p.FullTag()}
	if o.release != "" {
		tag, err := p.ReleaseTag(o.release)
		if err != nil {
			return err
		}
		names = append(names, reference.Expand(tag))
	}
	for _, name := range names {
		if o.out != nil {
			fmt.Fprintf(o.out, "Pushing index based on all arch-specific images in registry %s\n", name)
		}
		if err := o.remote.Assemble(ctx, name, indexArches); err != nil {
			return err
		}
	}
	return nil
}
