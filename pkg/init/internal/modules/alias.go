package modules

import (
	"bytes"
	"slices"
)

// wanted are aliases to be looked up together, in one pass over the patterns:
// there are tens of thousands of those and about a hundred devices.
type wanted struct {
	sorted []string            // canonical
	found  map[string][]string // modules by alias, in the order of the patterns
}

func want(aliases []string) *wanted {
	w := &wanted{found: map[string][]string{}}
	for _, a := range aliases {
		w.sorted = append(w.sorted, canonical(a))
	}
	slices.Sort(w.sorted)
	w.sorted = slices.Compact(w.sorted)
	return w
}

// scan looks through the lines "alias PATTERN MODULE" of modules.alias.
func (w *wanted) scan(text []byte) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, newline)
		rest, ok := bytes.CutPrefix(line, aliasWord)
		if !ok {
			continue
		}
		// Patterns hold no blanks: depmod would have to quote them.
		if end := bytes.LastIndexByte(rest, ' '); end > 0 {
			w.add(rest[:end], rest[end+1:])
		}
	}
}

var (
	newline   = []byte{'\n'}
	aliasWord = []byte("alias ")
)

func (w *wanted) add(pattern, module []byte) {
	fixed := pattern[:literal(pattern)]
	for i := w.from(fixed); i < len(w.sorted) && hasPrefix(w.sorted[i], fixed); i++ {
		alias := w.sorted[i]
		if match(pattern, alias) {
			w.note(alias, canonical(string(module)))
		}
	}
}

func (w *wanted) note(alias, module string) {
	if !slices.Contains(w.found[alias], module) {
		w.found[alias] = append(w.found[alias], module)
	}
}

// from returns where the aliases with a prefix begin.
func (w *wanted) from(prefix []byte) int {
	low, high := 0, len(w.sorted)
	for low < high {
		mid := (low + high) / 2
		if less(w.sorted[mid], prefix) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// less compares a canonical name with text that is not canonical yet.
func less(name string, text []byte) bool {
	for i, c := range text {
		if i == len(name) {
			return true
		}
		if c = same(c); name[i] != c {
			return name[i] < c
		}
	}
	return false
}

func hasPrefix(name string, text []byte) bool {
	if len(name) < len(text) {
		return false
	}
	for i, c := range text {
		if name[i] != same(c) {
			return false
		}
	}
	return true
}

// in returns the modules for the aliases in the order of these, each once.
func (w *wanted) in(aliases []string) []string {
	var modules []string
	seen := map[string]bool{}
	for _, a := range aliases {
		for _, m := range w.found[canonical(a)] {
			if !seen[m] {
				seen[m] = true
				modules = append(modules, m)
			}
		}
	}
	return modules
}
