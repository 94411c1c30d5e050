package pkglib

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// Dependencies returns for each package the indexes of those others in the list
// that are to be built before it: the images that its Dockerfile starts or
// copies from, and those that its build arguments name, as far as these do not
// name each other in a circle. Packages that start from each other are an error.
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
	needs, named := make([][]int, len(pkgs)), make([][]int, len(pkgs))
	for i, p := range pkgs {
		bases, args, err := p.needed(ctx, o)
		if err != nil {
			return nil, err
		}
		needs[i], named[i] = among(byRef, bases, i), among(byRef, args, i)
	}
	if err := checkCycles(pkgs, needs); err != nil {
		return nil, err
	}
	for i := range pkgs {
		for _, n := range named[i] {
			if !slices.Contains(needs[i], n) && !reaches(needs, n, i) {
				needs[i] = append(needs[i], n)
			}
		}
	}
	return needs, nil
}

// among returns the indexes of the names that are in the list, but not own.
func among(byRef map[string]int, refs []string, own int) []int {
	var list []int
	for _, ref := range refs {
		if n, ok := byRef[reference.ExpandTagged(ref)]; ok && n != own && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// reaches tells whether from needs to, if only by way of others.
func reaches(needs [][]int, from, to int) bool {
	seen := make([]bool, len(needs))
	var visit func(i int) bool
	visit = func(i int) bool {
		if i == to || seen[i] {
			return i == to
		}
		seen[i] = true
		return slices.ContainsFunc(needs[i], visit)
	}
	return visit(from)
}

// needed returns names of images that the package is built from, and of those
// that its arguments name. What cannot be told here is told when it is built.
func (p Pkg) needed(ctx context.Context, o *buildOpts) (bases, named []string, err error) {
	if len(p.info.layers) > 0 {
		return nil, nil, nil
	}
	args, err := p.args(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	for _, value := range args {
		if strings.Contains(value, ":") {
			named = append(named, value)
		}
	}
	slices.Sort(named)
	platforms, err := p.platforms(o)
	if err != nil {
		return nil, nil, err
	}
	for _, platform := range platforms {
		list, err := p.bases(o, args, platform, hostPlatform)
		if err != nil {
			break
		}
		for _, b := range list {
			bases = append(bases, b.Name)
		}
	}
	return bases, named, nil
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
