package kmod

import (
	"fmt"
	"strings"
)

// Files returns the content of the files that depmod writes, by name. It fails
// when a module needs another that is not in the set.
func (s *Set) Files() (map[string][]byte, error) {
	deps, err := s.depRecords()
	if err != nil {
		return nil, err
	}
	aliases, symbols, builtinNames, builtinAliases := s.aliasRecords(), s.symbolRecords(), s.builtinRecords(), s.builtinAliasRecords()
	return map[string][]byte{
		"modules.dep":               depText(deps),
		"modules.dep.bin":           encodeIndex(deps),
		"modules.alias":             aliasText("# Aliases extracted from modules themselves.\n", aliases),
		"modules.alias.bin":         encodeIndex(normalized(aliases)),
		"modules.symbols":           aliasText("# Aliases for symbols, used by symbol_request().\n", symbols),
		"modules.symbols.bin":       encodeIndex(symbols),
		"modules.builtin.bin":       encodeIndex(builtinNames),
		"modules.builtin.alias.bin": encodeIndex(normalized(builtinAliases)),
		"modules.softdep":           s.softText(),
		"modules.weakdep":           s.weakText(),
		"modules.devname":           s.devnameText(),
	}, nil
}

func (s *Set) depRecords() ([]record, error) {
	var all []record
	for i, m := range s.modules {
		deps, err := s.dependencies(m)
		if err != nil {
			return nil, err
		}
		line := m.Path + ":"
		for _, d := range deps {
			line += " " + d.Path
		}
		all = append(all, record{m.Name, line, uint32(i)})
	}
	return all, nil
}

func depText(deps []record) []byte {
	var b strings.Builder
	for _, d := range deps {
		b.WriteString(d.value + "\n")
	}
	return []byte(b.String())
}

func (s *Set) aliasRecords() []record {
	var all []record
	for i, m := range s.modules {
		for _, a := range m.Aliases {
			all = append(all, record{a, m.Name, uint32(i)})
		}
	}
	return all
}

func (s *Set) symbolRecords() []record {
	var all []record
	for i, m := range s.modules {
		for _, name := range m.Symbols {
			all = append(all, record{"symbol:" + name, m.Name, uint32(i)})
		}
	}
	return all
}

func (s *Set) builtinRecords() []record {
	var all []record
	for _, b := range s.builtin {
		if b.module {
			all = append(all, record{b.name, "", 0})
		}
	}
	return all
}

func (s *Set) builtinAliasRecords() []record {
	var all []record
	for _, b := range s.builtin {
		for _, a := range b.aliases {
			all = append(all, record{a, b.name, 0})
		}
	}
	return all
}

// normalized returns records with underscores for hyphens in their keys, except
// within brackets, where a hyphen means a range.
func normalized(records []record) []record {
	all := make([]record, len(records))
	for i, r := range records {
		r.key = normalizeAlias(r.key)
		all[i] = r
	}
	return all
}

func normalizeAlias(alias string) string {
	inside := false
	return strings.Map(func(c rune) rune {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == '-' && !inside:
			return '_'
		}
		return c
	}, alias)
}

func aliasText(head string, aliases []record) []byte {
	var b strings.Builder
	b.WriteString(head)
	for _, a := range aliases {
		fmt.Fprintf(&b, "alias %s %s\n", a.key, a.value)
	}
	return []byte(b.String())
}

func (s *Set) softText() []byte {
	b := strings.Builder{}
	b.WriteString("# Soft dependencies extracted from modules themselves.\n")
	for _, m := range s.modules {
		for _, soft := range m.Softdeps {
			fmt.Fprintf(&b, "softdep %s %s\n", m.Name, soft)
		}
	}
	return []byte(b.String())
}

func (s *Set) weakText() []byte {
	b := strings.Builder{}
	b.WriteString("# Weak dependencies extracted from modules themselves.\n")
	for _, m := range s.modules {
		for _, weak := range m.Weakdeps {
			fmt.Fprintf(&b, "weakdep %s %s\n", m.Name, weak)
		}
	}
	return []byte(b.String())
}

func (s *Set) devnameText() []byte {
	b := strings.Builder{}
	for _, m := range s.modules {
		b.WriteString(deviceNode(m))
	}
	if b.Len() == 0 {
		return []byte{}
	}
	return []byte("# Device nodes to trigger on-demand module loading.\n" + b.String())
}
