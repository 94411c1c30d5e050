package pkglib

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document decodes one yaml file strictly: every error names the place.
type document struct{ file string }

// fields maps the keys of a mapping to what takes their values.
type fields map[string]func(*yaml.Node) error

// errorf reports what is wrong at a node.
func (d document) errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: "+format, append([]any{d.file, n.Line, n.Column}, args...)...)
}

// parse returns the root of the first document of data. More documents may
// follow and are not looked at.
func (d document) parse(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.file, err)
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err == io.EOF {
		return nil, fmt.Errorf("%s: the file is empty", d.file)
	} else if err != nil {
		return nil, d.locate(&doc, err)
	}
	if len(doc.Content) == 1 {
		return doc.Content[0], nil
	}
	return &doc, nil
}

// mapping hands each value to the function for its key. A null mapping has no keys.
func (d document) mapping(n *yaml.Node, known fields) error {
	n = resolve(n)
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return d.mismatch(n, "a mapping")
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := d.member(n.Content[i], n.Content[i+1], known, seen); err != nil {
			return err
		}
	}
	return nil
}

func (d document) member(key, value *yaml.Node, known fields, seen map[string]int) error {
	name := resolve(key).Value
	if line, twice := seen[name]; twice {
		return d.errorf(key, "mapping key %q already defined at line %d", name, line)
	}
	seen[name] = key.Line
	take, ok := known[name]
	if !ok || resolve(key).Kind != yaml.ScalarNode {
		names := slices.Sorted(maps.Keys(known))
		return d.errorf(key, "field %s not found; known here: %s", name, strings.Join(names, ", "))
	}
	return take(value)
}

// locate adds the place to an error of the yaml library: the one it knows
// itself, or that of n.
func (d document) locate(n *yaml.Node, err error) error {
	var syntax *yaml.LoadError
	if !errors.As(err, &syntax) {
		return d.errorf(n, "%w", err)
	}
	if syntax.Mark.Line == 0 {
		return fmt.Errorf("%s: %s", d.file, syntax.Message)
	}
	at := &yaml.Node{Line: syntax.Mark.Line, Column: max(1, syntax.Mark.Column)}
	text, _, _ := strings.Cut(syntax.Message, " in type ") // ours, and of no help
	return d.errorf(at, "%s", text)
}

// text takes any scalar; null keeps what is there.
func (d document) text(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		n = resolve(n)
		if n.Kind != yaml.ScalarNode {
			return d.mismatch(n, "string")
		}
		if !isNull(n) {
			*to = n.Value
		}
		return nil
	}
}

// truth takes the words of yaml 1.1, quoted or not; null keeps what is there.
func (d document) truth(to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		n = resolve(n)
		if isNull(n) {
			return nil
		}
		switch value := strings.ToLower(n.Value); {
		case n.Kind != yaml.ScalarNode:
			return d.mismatch(n, "bool")
		case value == "true" || value == "yes" || value == "on" || value == "y":
			*to = true
		case value == "false" || value == "no" || value == "off" || value == "n":
			*to = false
		default:
			return d.mismatch(n, "bool")
		}
		return nil
	}
}

// list takes a list of scalars; null is the empty list.
func (d document) list(to *[]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		*to = nil
		nodes, err := d.sequence(n, "[]string")
		for _, item := range nodes {
			var s string
			if err := d.text(&s)(item); err != nil {
				return err
			}
			*to = append(*to, s)
		}
		return err
	}
}

// table takes a mapping of names to scalars.
func (d document) table(to *map[string]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		n = resolve(n)
		*to = map[string]string{}
		known := fields{}
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				name := resolve(n.Content[i]).Value
				known[name] = func(v *yaml.Node) error {
					var s string
					err := d.text(&s)(v)
					(*to)[name] = s
					return err
				}
			}
		}
		return d.mapping(n, known)
	}
}

func (d document) sequence(n *yaml.Node, want string) ([]*yaml.Node, error) {
	n = resolve(n)
	if isNull(n) {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, d.mismatch(n, want)
	}
	return n.Content, nil
}

func (d document) mismatch(n *yaml.Node, want string) error {
	if n.Kind == yaml.ScalarNode {
		return d.errorf(n, "cannot unmarshal %s `%.40s` into %s", n.ShortTag(), n.Value, want)
	}
	return d.errorf(n, "cannot unmarshal %s into %s", n.ShortTag(), want)
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
