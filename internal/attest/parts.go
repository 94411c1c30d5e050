package attest

import (
	"net/url"
	"runtime/debug"
	"strings"
)

// Parts are what an image is made of, each once, in the order of their finding.
// The zero value is empty.
type Parts struct {
	list  []Component
	index map[string]int // by source
}

// List returns all components.
func (p *Parts) List() []Component { return p.list }

// Add adds a component, unless one of the same source is there, and returns its
// index.
func (p *Parts) Add(c Component) int {
	if i, ok := p.index[c.Source]; ok {
		return i
	}
	if p.index == nil {
		p.index = map[string]int{}
	}
	p.list = append(p.list, c)
	p.index[c.Source] = len(p.list) - 1
	return len(p.list) - 1
}

// AddGo adds the modules that were linked into a program, as the program itself
// tells them.
func (p *Parts) AddGo(info *debug.BuildInfo) {
	version := strings.TrimPrefix(info.GoVersion, "go")
	version, _, _ = strings.Cut(version, " ") // experiments
	needs := []int{p.Add(goComponent("stdlib", version))}
	for _, m := range info.Deps {
		needs = append(needs, p.Add(moduleComponent(m)))
	}
	main := moduleComponent(&info.Main)
	if info.Main.Path == "" { // a package without module
		main = goComponent(info.Path, "")
	}
	at := p.Add(main)
	p.list[at].Needs = merge(p.list[at].Needs, needs, at)
}

func moduleComponent(m *debug.Module) Component {
	for m.Replace != nil {
		m = m.Replace
	}
	if m.Version == "(devel)" || m.Version == "" {
		return goComponent(m.Path, "")
	}
	return goComponent(m.Path, m.Version)
}

func goComponent(name, version string) Component {
	source := "pkg:golang/" + name
	if version != "" {
		source += "@" + url.QueryEscape(version)
	}
	return Component{Name: name, Version: version, Source: source}
}

// merge adds to have what it lacks of more, except self.
func merge(have, more []int, self int) []int {
	seen := map[int]bool{self: true}
	for _, n := range have {
		seen[n] = true
	}
	for _, n := range more {
		if !seen[n] {
			seen[n] = true
			have = append(have, n)
		}
	}
	return have
}
