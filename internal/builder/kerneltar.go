package builder

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/kmod"
)

// deviceTree is how names of device trees end.
const deviceTree = ".dtb"

// addTars adds kernel.tar with all modules and device trees as they are
// shipped, and the tars with some of them.
func (k *kernelSource) addTars(ctx context.Context, t *tree, tars map[string][]string, mtime time.Time) error {
	if err := k.addTar(ctx, t, kernelTarFile, k.all, mtime); err != nil {
		return err
	}
	for _, name := range sortedKeys(tars) {
		content := func() (*tree, error) { return k.some(name, tars) }
		if err := k.addTar(ctx, t, name, content, mtime); err != nil {
			return err
		}
	}
	return nil
}

func (k *kernelSource) addTar(ctx context.Context, t *tree, name string, content func() (*tree, error), mtime time.Time) error {
	inner, err := content()
	if err == nil {
		err = inner.addParents()
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	n := &node{typeflag: tar.TypeReg, mode: 0o644}
	n.size, n.open, err = t.spool.fill(func(w io.Writer) error {
		return writeTar(ctx, w, inner, nil, mtime, &stored{Links: map[string]string{}})
	})
	if err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	t.add(name, n)
	return nil
}

// all returns modules and device trees as shipped with the files of depmod.
func (k *kernelSource) all() (*tree, error) {
	inner := &tree{entries: map[string]*node{}, spool: k.spool}
	for name, n := range k.entries {
		inner.add(name, n)
	}
	return inner, k.addIndex(inner, k.modules)
}

// some returns a tree of some modules and those they need, decompressed, and
// of some device trees.
func (k *kernelSource) some(name string, tars map[string][]string) (*tree, error) {
	var modules, trees []string
	for _, p := range expand(name, tars) {
		if strings.HasSuffix(strings.TrimSuffix(p, "?"), deviceTree) {
			trees = append(trees, p)
		} else {
			modules = append(modules, p)
		}
	}
	chosen, err := k.choose(modules)
	if err != nil {
		return nil, err
	}
	inner := &tree{entries: map[string]*node{}, spool: k.spool}
	if err := k.addDeviceTrees(inner, trees); err != nil {
		return nil, err
	}
	for _, m := range chosen.Modules() {
		name := k.dir() + m.Path
		data, err := k.plainModule(name)
		if err != nil {
			return nil, err
		}
		m.Path = plainName(m.Path)
		n := &node{typeflag: tar.TypeReg, mode: 0o644}
		if n.size, n.open, err = k.spool.put(strings.NewReader(string(data))); err != nil {
			return nil, err
		}
		inner.add(k.dir()+m.Path, n)
	}
	for _, name := range []string{"modules.builtin", "modules.builtin.modinfo"} {
		inner.add(k.dir()+name, bytesFile(0o644, k.file(name)))
	}
	inner.add(k.dir()+"modules.order", bytesFile(0o644, order(chosen)))
	return inner, k.addIndex(inner, chosen)
}

// addDeviceTrees adds those that patterns name.
func (k *kernelSource) addDeviceTrees(inner *tree, patterns []string) error {
	for _, p := range patterns {
		p, optional := strings.CutSuffix(p, "?")
		found := false
		for name, n := range k.entries {
			if ok, _ := path.Match(treesDir+p, name); ok {
				found = true
				inner.add(name, n)
			}
		}
		if !found && !optional {
			return fmt.Errorf("%w: kernel %s has no device tree %s; say %q if it need not have it", ErrRecipe, k.version, p, p+"?")
		}
	}
	return nil
}

func plainName(file string) string {
	before, _, _ := strings.Cut(file, ".ko")
	return before + ".ko"
}

func order(s *kmod.Set) []byte {
	var b strings.Builder
	for _, m := range s.Modules() {
		b.WriteString(m.Path + "\n")
	}
	return []byte(b.String())
}

// expand returns the modules of a tar, those of other tars that it names
// included.
func expand(name string, tars map[string][]string) []string {
	var all []string
	seen := map[string]bool{name: true}
	for queue := tars[name]; len(queue) > 0; {
		entry := queue[0]
		queue = queue[1:]
		inner, isTar := tars[entry]
		switch {
		case !isTar:
			all = append(all, entry)
		case !seen[entry]:
			seen[entry] = true
			queue = slices.Concat(queue, inner)
		}
	}
	return all
}

// choose returns the set that patterns name.
func (k *kernelSource) choose(patterns []string) (*kmod.Set, error) {
	var chosen []*kmod.Module
	for _, p := range patterns {
		p, optional := strings.CutSuffix(p, "?")
		found, known := k.modules.Match(p)
		if !known && !optional {
			return nil, fmt.Errorf("%w: kernel %s has no module %s; say %q if it need not have it", ErrRecipe, k.version, p, p+"?")
		}
		chosen = append(chosen, found...)
	}
	return k.modules.With(chosen)
}

func (k *kernelSource) addIndex(inner *tree, s *kmod.Set) error {
	files, err := s.Files()
	if err != nil {
		return err
	}
	for name, data := range files {
		inner.add(k.dir()+name, bytesFile(0o644, data))
	}
	return nil
}
