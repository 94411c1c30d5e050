package kmod

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Set is the modules of one kernel.
type Set struct {
	modules []*Module // in the order of modules.order
	byName  map[string]*Module
	builtin []builtin
}

// builtin is a module that is part of the kernel itself.
type builtin struct {
	name    string
	module  bool // could be a module with another configuration
	aliases []string
}

// NewSet makes a set. The other arguments are the content of modules.order,
// modules.builtin and modules.builtin.modinfo; each may be empty.
func NewSet(modules []*Module, order, builtins, modinfo []byte) *Set {
	s := &Set{modules: slices.Clone(modules), byName: map[string]*Module{}, builtin: parseBuiltin(builtins, modinfo)}
	position := map[string]int{}
	ordered := lines(order)
	for i, line := range ordered {
		position[stem(line)] = i - len(ordered) // others, at 0, follow
	}
	slices.SortFunc(s.modules, func(a, b *Module) int {
		return cmp.Or(cmp.Compare(position[stem(a.Path)], position[stem(b.Path)]), strings.Compare(a.Path, b.Path))
	})
	for _, m := range s.modules {
		s.byName[m.Name] = m
	}
	return s
}

func stem(file string) string {
	before, _, _ := strings.Cut(file, ".ko")
	return before
}

func lines(text []byte) []string {
	var all []string
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// parseBuiltin also returns parts of the kernel that cannot be built as a module,
// which only the second file names.
func parseBuiltin(names, modinfo []byte) []builtin {
	var all []builtin
	index := map[string]int{}
	get := func(name string, module bool) *builtin {
		i, known := index[name]
		if !known {
			i, index[name] = len(all), len(all)
			all = append(all, builtin{name: name})
		}
		all[i].module = all[i].module || module
		return &all[i]
	}
	for _, line := range lines(names) {
		get(NameOf(line), true)
	}
	for field := range strings.SplitSeq(string(modinfo), "\x00") {
		name, rest, _ := strings.Cut(field, ".")
		if alias, ok := strings.CutPrefix(rest, "alias="); ok {
			b := get(strings.ReplaceAll(name, "-", "_"), false)
			b.aliases = append(b.aliases, alias)
		}
	}
	return all
}

// Modules returns the modules in the order of loading at build time.
func (s *Set) Modules() []*Module { return s.modules }

// Match returns the modules whose name matches a pattern as of path.Match, and
// whether anything at all, built-in modules included, does.
func (s *Set) Match(pattern string) ([]*Module, bool) {
	pattern = strings.ReplaceAll(pattern, "-", "_")
	var found []*Module
	for _, m := range s.modules {
		if ok, _ := path.Match(pattern, m.Name); ok {
			found = append(found, m)
		}
	}
	known := len(found) > 0 || slices.ContainsFunc(s.builtin, func(b builtin) bool {
		ok, _ := path.Match(pattern, b.name)
		return ok
	})
	return found, known
}

// With returns the set of some modules of s and all that they need, soft
// dependencies included. Built-in modules stay. The modules are copies: changing
// their paths does not change s.
func (s *Set) With(modules []*Module) (*Set, error) {
	keep := map[string]bool{}
	for queue := slices.Clone(modules); len(queue) > 0; {
		m := queue[0]
		queue = queue[1:]
		if keep[m.Name] {
			continue
		}
		keep[m.Name] = true
		needed, err := s.needs(m)
		if err != nil {
			return nil, err
		}
		queue = append(queue, needed...)
	}
	part := &Set{byName: map[string]*Module{}, builtin: s.builtin}
	for _, m := range s.modules {
		if keep[m.Name] {
			own := *m
			part.modules = append(part.modules, &own)
			part.byName[m.Name] = &own
		}
	}
	return part, nil
}

// needs returns the direct hard and soft dependencies of m.
func (s *Set) needs(m *Module) ([]*Module, error) {
	var needed []*Module
	for _, name := range m.Depends {
		d := s.byName[name]
		if d == nil {
			return nil, fmt.Errorf("module %s needs module %s, which is missing", m.Name, name)
		}
		needed = append(needed, d)
	}
	for _, soft := range m.Softdeps {
		for word := range strings.FieldsSeq(soft) {
			needed = append(needed, s.answering(word)...)
		}
	}
	return needed, nil
}

// answering returns the module of that name, or those with such an alias.
func (s *Set) answering(name string) []*Module {
	name = strings.ReplaceAll(name, "-", "_")
	if m := s.byName[name]; m != nil {
		return []*Module{m}
	}
	var found []*Module
	for _, m := range s.modules {
		if slices.ContainsFunc(m.Aliases, func(a string) bool { return normalizeAlias(a) == name }) {
			found = append(found, m)
		}
	}
	return found
}

// dependencies returns all that m needs, each before what it needs itself: the
// reverse of the order of loading.
func (s *Set) dependencies(m *Module) ([]*Module, error) {
	var order []*Module
	state := map[*Module]int{} // 1: being visited, 2: done
	var visit func(*Module) error
	visit = func(m *Module) error {
		if state[m] == 1 {
			return fmt.Errorf("modules need each other in a circle at %s", m.Name)
		}
		if state[m] == 2 {
			return nil
		}
		state[m] = 1
		for _, name := range m.Depends {
			d := s.byName[name]
			if d == nil {
				return fmt.Errorf("module %s needs module %s, which is missing", m.Name, name)
			}
			if err := visit(d); err != nil {
				return err
			}
		}
		state[m] = 2
		order = append(order, m)
		return nil
	}
	if err := visit(m); err != nil {
		return nil, err
	}
	order = order[:len(order)-1]
	slices.Reverse(order)
	return order, nil
}

// deviceNode describes the device file that makes a module load on first use,
// as in modules.devname, or returns "".
func deviceNode(m *Module) string {
	var name, kind string
	var major, minor int
	for _, a := range m.Aliases {
		if n, ok := strings.CutPrefix(a, "devname:"); ok {
			name = n
		} else if k, maj, min, ok := deviceNumbers(a); ok {
			kind, major, minor = k, maj, min
		}
	}
	if name == "" || kind == "" {
		return ""
	}
	return fmt.Sprintf("%s %s %s%d:%d\n", m.Name, name, kind, major, minor)
}

// deviceNumbers reads aliases as "char-major-10-200".
func deviceNumbers(alias string) (kind string, major, minor int, ok bool) {
	parts := strings.Split(alias, "-")
	if len(parts) != 4 || parts[1] != "major" || (parts[0] != "char" && parts[0] != "block") {
		return "", 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[2])
	minor, err2 := strconv.Atoi(parts[3])
	return parts[0][:1], major, minor, err1 == nil && err2 == nil
}
