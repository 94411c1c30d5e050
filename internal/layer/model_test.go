package layer

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The model applies layers to a map, step by step and without regard to cost,
// as the documentation of the package says.

// modelFile is a file or, if content is "dir", a directory. Names of one file
// have the same pointer.
type modelFile struct {
	content string
	// entry tells whether a directory has an entry of its own.
	entry bool
}

func (f *modelFile) isDir() bool { return f != nil && f.content == "dir" }

type modelTree map[string]*modelFile

func (t modelTree) removeBelow(name string) {
	for n := range t {
		if name == root || strings.HasPrefix(n, name+"/") {
			delete(t, n)
		}
	}
}

var errModel = errors.New("refused")

// modelLayer is a layer while it is applied.
type modelLayer struct {
	below, tree modelTree
	// own has the names that the layer itself has set.
	own map[string]bool
	// waiting has the targets of links that come later.
	waiting map[string]string
}

// follow makes the names of a layer real: they may lead through symbolic links
// of the layers below that the layer itself leaves alone.
func (t modelTree) follow(lines []string) ([]string, error) {
	own := map[string]bool{}
	for _, line := range lines {
		name := strings.Fields(line)[1]
		own[name] = true
		own[strings.Replace(name, whiteoutPrefix, "", 1)] = true
	}
	var real []string
	for _, line := range lines {
		f := strings.Fields(line)
		for i := 1; i < len(f) && (i == 1 || f[0] == "link"); i++ {
			var err error
			if f[i], err = t.real(strings.Split(f[i], "/"), own, nil, 0); err != nil {
				return nil, err
			}
		}
		real = append(real, strings.Join(f, " "))
	}
	return real, nil
}

func (t modelTree) real(left []string, own map[string]bool, done []string, hops int) (string, error) {
	switch part := left[0]; {
	case hops > maxFollow:
		return "", errModel
	case len(left) == 1:
		return strings.Join(append(done, part), "/"), nil
	case part == "" || part == ".":
		return t.real(left[1:], own, done, hops)
	case part == "..":
		return t.real(left[1:], own, done[:max(0, len(done)-1)], hops)
	}
	next := append(done[:len(done):len(done)], left[0])
	name := strings.Join(next, "/")
	target, isLink := "", false
	if f := t[name]; f != nil && !own[name] {
		target, isLink = strings.CutPrefix(f.content, "symlink ")
	}
	if !isLink {
		return t.real(left[1:], own, next, hops)
	}
	if strings.HasPrefix(target, "/") {
		done = nil
	}
	return t.real(append(strings.Split(target, "/"), left[1:]...), own, done, hops+1)
}

func (t modelTree) apply(lines []string) (modelTree, error) {
	lines, err := t.follow(lines)
	if err != nil {
		return nil, err
	}
	l := modelLayer{t, maps.Clone(t), map[string]bool{}, map[string]string{}}
	var rest []string
	for _, line := range lines {
		name := strings.Fields(line)[1]
		dir, base := parentOf(name), name[strings.LastIndexByte(name, '/')+1:]
		if base == opaqueMarker {
			l.tree.removeBelow(dir)
		} else if hidden, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
			hidden = strings.TrimPrefix(dir+"/"+hidden, "./")
			delete(l.tree, hidden)
			l.tree.removeBelow(hidden)
		} else {
			rest = append(rest, line)
		}
	}
	for _, line := range rest {
		if err := l.set(strings.Fields(line)); err != nil {
			return nil, err
		}
	}
	return l.tree, l.finish()
}

func (l *modelLayer) set(f []string) error {
	kind, name := f[0], f[1]
	if kind == "link" && f[2] == name && l.tree[name] != nil && !l.tree[name].isDir() {
		return nil
	}
	if err := l.makeParents(name); err != nil {
		return err
	}
	old := l.tree[name]
	if kind == "dir" {
		l.put(name, &modelFile{"dir", true})
		return nil
	}
	file := &modelFile{content: strings.Join(append([]string{kind}, f[2:]...), " ")}
	if kind == "link" {
		target := l.tree[f[2]]
		switch {
		case l.own[f[2]] && f[2] != name && target.isDir():
			return errModel
		case l.own[f[2]] && f[2] != name && l.waiting[f[2]] == "":
			file = target
		default:
			l.replace(name, old, file)
			l.waiting[name] = f[2]
			return nil
		}
	}
	l.replace(name, old, file)
	return nil
}

func (l *modelLayer) put(name string, f *modelFile) {
	l.tree[name], l.own[name] = f, true
	delete(l.waiting, name)
}

// replace puts a file in the place of anything.
func (l *modelLayer) replace(name string, old, f *modelFile) {
	if old.isDir() {
		l.tree.removeBelow(name)
		for n := range l.own {
			if strings.HasPrefix(n, name+"/") {
				delete(l.own, n)
				delete(l.waiting, n)
			}
		}
	}
	l.put(name, f)
}

func (l *modelLayer) makeParents(name string) error {
	dir := parentOf(name)
	if dir == root {
		return nil
	}
	if err := l.makeParents(dir); err != nil {
		return err
	}
	switch f := l.tree[dir]; {
	case f.isDir():
	case f != nil && l.own[dir]:
		return errModel
	default:
		l.put(dir, &modelFile{"dir", false})
	}
	return nil
}

// finish resolves links to what comes later or is below.
func (l *modelLayer) finish() error {
	for len(l.waiting) > 0 {
		progress := false
		for name, target := range l.waiting {
			var file *modelFile
			switch {
			case !l.own[target] || l.tree[target] == nil:
				file = l.below[target]
			case l.waiting[target] == "":
				file = l.tree[target]
			default:
				continue
			}
			if file == nil || file.isDir() {
				return errModel
			}
			l.put(name, file)
			progress = true
		}
		if !progress {
			return errModel
		}
	}
	return nil
}

func modelOf(layers [][]string) (modelTree, error) {
	t := modelTree{}
	for _, lines := range layers {
		var err error
		if t, err = t.apply(lines); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// compareWithModel flattens layers and checks tree, names and order.
func compareWithModel(t *testing.T, layers [][]string) {
	t.Helper()
	want, modelErr := modelOf(layers)
	got, err := flatten(t, stack(t, layers...), Options{})
	if (err != nil) != (modelErr != nil) || err != nil && !errors.Is(err, ErrInvalid) {
		t.Fatalf("layers %q: error %v, model %v", layers, err, modelErr)
	}
	if err != nil {
		return
	}
	if err := checkOrder(got); err != nil {
		t.Fatalf("layers %q: %q: %v", layers, got, err)
	}
	if diff := difference(describeModel(want), describeEntries(got)); diff != "" {
		t.Fatalf("layers %q: %s", layers, diff)
	}
}

func difference(want, got map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if want[name] != got[name] {
			return fmt.Sprintf("%s: got %q, want %q", name, got[name], want[name])
		}
		delete(got, name)
	}
	if len(got) > 0 {
		return fmt.Sprintf("too much: %q", got)
	}
	return ""
}

// describeModel gives for each name its content and all names of the file.
func describeModel(t modelTree) map[string]string {
	names := map[*modelFile][]string{}
	for _, n := range slices.Sorted(maps.Keys(t)) {
		names[t[n]] = append(names[t[n]], n)
	}
	out := map[string]string{}
	for n, f := range t {
		if !f.isDir() {
			out[n] = fmt.Sprint(f.content, names[f])
		} else if f.entry {
			out[n] = "dir"
		}
	}
	return out
}

func describeEntries(entries []string) map[string]string {
	content, names := map[string]string{}, map[string][]string{}
	for _, e := range entries {
		f := strings.Fields(e)
		switch f[0] {
		case "link":
			names[f[2]] = append(names[f[2]], f[1])
		case "dir":
			content[f[1]] = "dir"
		default:
			content[f[1]] = strings.Join(append(f[:1:1], f[2:3]...), " ")
			names[f[1]] = append(names[f[1]], f[1])
		}
	}
	out := map[string]string{}
	for first, c := range content {
		if c == "dir" {
			out[first] = c
			continue
		}
		slices.Sort(names[first])
		for _, n := range names[first] {
			out[n] = fmt.Sprint(c, names[first])
		}
	}
	return out
}

// checkOrder checks what Flatten promises of the order of entries.
func checkOrder(entries []string) error {
	seen := map[string]int{}
	links := map[string]int{}
	for _, e := range entries {
		f := strings.Fields(e)
		if _, dup := seen[f[1]]; dup {
			return fmt.Errorf("%s comes twice", f[1])
		}
		seen[f[1]] = 1
		for n := range seen {
			if f[0] == "dir" && strings.HasPrefix(n, f[1]+"/") {
				return fmt.Errorf("%s comes before its directory", n)
			}
		}
		switch {
		case f[0] == "link" && links[f[2]] == 0:
			return fmt.Errorf("%s comes before its content, or is one too many", f[1])
		case f[0] == "link":
			links[f[2]]--
		case strings.HasPrefix(f[len(f)-1], "x"):
			n := 0
			if _, err := fmt.Sscanf(f[len(f)-1], "x%d", &n); err != nil {
				return err
			}
			links[f[1]] = n - 1
		}
	}
	for n, left := range links {
		if left != 0 {
			return fmt.Errorf("%s misses %d links", n, left)
		}
	}
	return nil
}

// chooser makes layers out of numbers.
type chooser func(n int) int

func (c chooser) name() string {
	parts := []string{string(rune('a' + c(3)))}
	for c(2) == 0 && len(parts) < 3 {
		parts = append(parts, string(rune('a'+c(3))))
	}
	return strings.Join(parts, "/")
}

func (c chooser) line(content int) string {
	name := c.name()
	switch c(12) {
	case 0, 1, 2:
		return "dir " + name
	case 3, 4:
		return fmt.Sprintf("link %s %s", name, c.name())
	case 5:
		return fmt.Sprintf("symlink %s %s%s", name, []string{"", "/", "../", "./"}[c(4)], c.name())
	case 6, 7:
		dir := strings.TrimPrefix(parentOf(name)+"/", "./")
		return "file " + dir + whiteoutPrefix + name[strings.LastIndexByte(name, '/')+1:]
	case 8:
		return "file " + name + "/" + opaqueMarker
	default:
		return fmt.Sprintf("file %s content%d", name, content)
	}
}

func (c chooser) layers() [][]string {
	var layers [][]string
	content := 0
	for range 1 + c(4) {
		var lines []string
		for range c(7) {
			content++
			lines = append(lines, c.line(content))
		}
		layers = append(layers, lines)
	}
	return layers
}

func TestModel(t *testing.T) {
	accepted := 0
	for seed := range uint64(4000) {
		layers := chooser(rand.New(rand.NewPCG(seed, 1)).IntN).layers()
		compareWithModel(t, layers)
		if _, err := modelOf(layers); err == nil {
			accepted++
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d stacks of layers were valid", accepted)
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := chooser(func(n int) int {
			if len(data) == 0 {
				return n - 1
			}
			b := data[0]
			data = data[1:]
			return int(b) % n
		})
		compareWithModel(t, c.layers())
	})
}
