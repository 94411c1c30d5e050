package pkglib

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// Dependencies returns for each package the indexes of those others in the list
// that have to be built before it: the images that its Dockerfile starts or
// copies from, and those that its build arguments name. Packages that need each
// other are an error.
func Dependencies(ctx context.Context, pkgs []Pkg, opts ...BuildOpt) ([][]int, error) {
	o := &buildOpts{}
	for _, opt := range opts {
		if err := opt(o); err != nil {
			return nil, err
		}
	}
	byRef := map[string]int{}
	for i, p := range pkgs {
		byRef[p.FullTag()] = i
	}
	needs := make([][]int, len(pkgs))
	for i, p := range pkgs {
		refs, err := p.needed(ctx, o)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			if n, ok := byRef[reference.ExpandTagged(ref)]; ok && n != i && !slices.Contains(needs[i], n) {
				needs[i] = append(needs[i], n)
			}
		}
	}
	return needs, checkCycles(pkgs, needs)
}

// needed returns names of images that the package is built with. What cannot be
// told here is told when it is built.
func (p Pkg) needed(ctx context.Context, o *buildOpts) ([]string, error) {
	if len(p.info.layers) > 0 {
		return nil, nil
	}
	args, err := p.args(ctx, o)
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, value := range args {
		if strings.Contains(value, ":") {
			refs = append(refs, value)
		}
	}
	slices.Sort(refs)
	platforms, err := p.platforms(o)
	if err != nil {
		return nil, err
	}
	for _, platform := range platforms {
		list, err := p.bases(o, args, platform, hostPlatform)
		if err != nil {
			break
		}
		for _, b := range list {
			refs = append(refs, b.Name)
		}
	}
	return refs, nil
}

// checkCycles refuses packages that need each other.
func checkCycles(pkgs []Pkg, needs [][]int) error {
	const open, closed = 1, 2
	state := make([]int, len(needs))
	var visit func(i int, path []string) error
	visit = func(i int, path []string) error {
		path = append(path, pkgs[i].Tag())
		switch state[i] {
		case open:
			return fmt.Errorf("packages need each other: %s", strings.Join(path, " needs "))
		case closed:
			return nil
		}
		state[i] = open
		for _, n := range needs[i] {
			if err := visit(n, path); err != nil {
				return err
			}
		}
		state[i] = closed
		return nil
	}
	for i := range needs {
		if err := visit(i, nil); err != nil {
			return err
		}
	}
	return nil
}
