package layer

import (
	"fmt"
	"strings"
)

// maxFollow is how many symbolic links a name may lead through, as in
// path_resolution(7).
const maxFollow = 40

// follower finds the real names of what a layer has below symbolic links of
// the layers underneath. Whoever packs a layer without looking at those, such
// as a packer of libraries into /lib, means the directory that the link leads
// to. A link that the layer itself replaces or removes is not followed.
type follower struct {
	tree *tree
	own  map[string]bool // names that the layer sets or removes
}

// follow makes all names of a layer real.
func (t *tree) follow(x index) error {
	if t.symlinks == 0 {
		return nil
	}
	f := &follower{tree: t}
	for i := range x.records {
		r := &x.records[i]
		if err := f.make(&x, &r.name); err != nil {
			return err
		}
		if r.kind == kindLink {
			if err := f.make(&x, &r.target); err != nil {
				return err
			}
		}
	}
	for i := range x.whiteouts {
		if err := f.make(&x, &x.whiteouts[i]); err != nil {
			return err
		}
	}
	for i := range x.opaques {
		// The marker is in the directory that a link leads to.
		marker := below(x.opaques[i], opaqueMarker)
		if err := f.make(&x, &marker); err != nil {
			return err
		}
		x.opaques[i] = parentOf(marker)
	}
	return nil
}

// make replaces a name by its real one.
func (f *follower) make(x *index, name *string) error {
	if !f.belowLink(*name) {
		return nil
	}
	if f.own == nil {
		f.own = ownNames(x)
	}
	real, err := f.real(*name)
	*name = real
	return err
}

func ownNames(x *index) map[string]bool {
	own := make(map[string]bool, len(x.records)+len(x.whiteouts))
	for i := range x.records {
		own[x.records[i].name] = true
	}
	for _, name := range x.whiteouts {
		own[name] = true
	}
	return own
}

// belowLink tells whether the closest name above that exists is a symbolic link.
func (f *follower) belowLink(name string) bool {
	for name != root {
		name = parentOf(name)
		if n, ok := f.tree.names[name]; ok {
			return f.tree.symlink(n) != ""
		}
	}
	return false
}

// real resolves the directories above a name; the last part stays as it is.
func (f *follower) real(name string) (string, error) {
	left := strings.Split(name, "/")
	done, hops := root, 0
	for len(left) > 1 {
		part := left[0]
		left = left[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = parentOf(done)
			continue
		}
		next := below(done, part)
		n, ok := f.tree.names[next]
		if !ok || f.tree.symlink(n) == "" || f.own[next] {
			done = next
			continue
		}
		if hops++; hops > maxFollow {
			return "", fmt.Errorf("%w: entry %.200q leads through more than %d symbolic links", ErrInvalid, name, maxFollow)
		}
		target := f.tree.symlink(n)
		if strings.HasPrefix(target, "/") {
			done = root
		}
		left = append(strings.Split(target, "/"), left...)
	}
	real := below(done, left[0])
	if len(real) > f.tree.limits.NameBytes {
		return "", fmt.Errorf("%w: entry %.200q leads through symbolic links to a name of %d bytes, at most %d are allowed", ErrLimit, name, len(real), f.tree.limits.NameBytes)
	}
	return real, nil
}

// below is the name of something in a directory.
func below(dir, name string) string {
	if dir == root {
		return name
	}
	return dir + "/" + name
}
