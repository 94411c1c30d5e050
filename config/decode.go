package config

import (
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// document is what a yaml document may hold.
type document struct {
	Config
	Trust *trust `json:"trust,omitempty"`
}

// trust is a section that earlier versions acted upon.
type trust struct {
	Image []string `json:"image,omitempty"`
	Org   []string `json:"org,omitempty"`
}

// Decode reads one document, yaml or JSON, called name in errors. It reports
// every unknown key, wrong type and missing key as [Errors]; [Config.Validate]
// checks what values mean.
func Decode(name string, data []byte) (*Config, error) {
	doc, err := decodeDocument(name, data)
	if err != nil {
		return nil, err
	}
	return &doc.Config, nil
}

func decodeDocument(name string, data []byte) (*document, error) {
	root, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	doc := &document{}
	doc.locate(Position{})
	if root.ShortTag() == "!!null" {
		return doc, nil
	}
	d := &decoder{file: name}
	d.value(node{Node: root}, reflect.ValueOf(doc).Elem())
	return doc, d.errs.err()
}

// maxNodes is how many values a document may have once aliases are expanded.
const maxNodes = 1 << 18

// decoder turns yaml nodes into values of the types of this package.
type decoder struct {
	file string
	// lenient accepts scalars of any type as strings, and null as absent.
	lenient bool
	errs    Errors
	visited int
	merging map[*yaml.Node]bool
}

// node is a yaml node together with what is known about where it is.
type node struct {
	*yaml.Node
	// path leads from the root of the document, rel from the entry whose
	// places are kept in fields.
	path, rel string
	fields    Positions
}

func (n node) child(key string, child *yaml.Node) node {
	n.Node, n.path, n.rel = child, join(n.path, key), join(n.rel, key)
	return n
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) position(n *yaml.Node) Position { return Position{d.file, n.Line, n.Column} }

// tooManyErrors is when decoding is given up.
const tooManyErrors = 20 * maxErrors

func (d *decoder) fail(n node, format string, args ...any) {
	if len(d.errs) >= tooManyErrors {
		d.visited = maxNodes
		return
	}
	d.errs.add(d.position(n.Node), n.path, format, args...)
}

// spend counts a visit to a node and reports whether there may be more.
func (d *decoder) spend(n node) bool {
	d.visited++
	if d.visited == maxNodes {
		d.fail(n, "more than %d values once aliases are expanded; use fewer aliases", maxNodes)
	}
	return d.visited < maxNodes
}

// value decodes n into v, whose kind decides what is accepted.
func (d *decoder) value(n node, v reflect.Value) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n.Node = n.Alias
	}
	if !d.spend(n) {
		return
	}
	if n.fields != nil && n.rel != "" {
		n.fields[n.rel] = d.position(n.Node)
	}
	if d.lenient && n.ShortTag() == "!!null" {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[ID]():
		d.id(n, v)
	case v.Kind() == reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		d.value(n, target.Elem())
		v.Set(target)
	case v.Kind() == reflect.Struct:
		d.object(n, v)
	case v.Kind() == reflect.Slice:
		d.list(n, v)
	case v.Kind() == reflect.Map:
		d.stringMap(n, v)
	default:
		d.scalar(n, v)
	}
}

func (d *decoder) list(n node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrongType(n, "a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		if d.visited >= maxNodes {
			break
		}
		d.value(n.child(strconv.Itoa(i), child), list.Index(i))
	}
	v.Set(list)
}

func (d *decoder) wrongType(n node, want string) {
	if n.ShortTag() == "!!null" {
		remedy := "remove it or give it a value"
		if want == "a list" {
			remedy = "remove it or give []"
		}
		d.fail(n, "empty, want %s; %s", want, remedy)
		return
	}
	d.fail(n, "want %s, not %s%s", want, describe(n.Node), hint(n.Node, want))
}
