package config

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) object(n node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, "an object")
		return
	}
	if l, ok := v.Addr().Interface().(located); ok {
		n.fields, n.rel = l.locate(d.position(n.Node)), ""
	}
	t := v.Type()
	seen := map[string]bool{}
	for _, p := range d.pairs(n) {
		f, ok := d.findField(t, p.name)
		if !ok {
			d.fail(n.child(p.name, p.key), "unknown key %q; known keys: %s", p.name, fieldNames(t))
			continue
		}
		if seen[f.name] {
			d.fail(n.child(p.name, p.key), "key %q is already given under another spelling, %q", p.name, f.name)
			continue
		}
		seen[f.name] = true
		d.member(n.child(p.name, p.value), t, f, v.FieldByIndex(f.index))
	}
	for _, key := range requiredKeys[t] {
		if !seen[key] {
			d.fail(n, "missing key %q", key)
		}
	}
}

func (d *decoder) member(n node, t reflect.Type, f field, v reflect.Value) {
	if decode := valueDecoders[t][f.name]; decode != nil {
		decode(d, n, v)
		return
	}
	d.value(n, v)
}

func (d *decoder) stringMap(n node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, "an object of strings")
		return
	}
	m := reflect.MakeMap(v.Type())
	for _, p := range d.pairs(n) {
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(n.child(p.name, p.value), value)
		m.SetMapIndex(reflect.ValueOf(p.name), value)
	}
	v.Set(m)
}

// pair is a member of a mapping.
type pair struct {
	name       string
	key, value *yaml.Node
}

// pairs returns the members of a mapping, those of merge keys last unless the
// mapping has them itself.
func (d *decoder) pairs(n node) []pair {
	var own, merges []pair
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !d.spend(n) {
			break
		}
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" && key.Kind == yaml.ScalarNode {
			merges = append(merges, pair{"<<", key, value})
			continue
		}
		name, ok := d.key(n, key)
		if !ok {
			continue
		}
		if other := first[name]; other != nil {
			d.fail(n.child(name, key), "key %q is already given on line %d", name, other.Line)
			continue
		}
		first[name] = key
		own = append(own, pair{name, key, value})
	}
	for i, m := range merges {
		if i > 0 {
			d.fail(n.child("<<", m.key), "a second merge key; merge a list of mappings instead")
			break
		}
		own = d.merge(n.child("<<", m.value), own, first)
	}
	return own
}

// merge appends the members of the mapping n, or of a list of mappings, that
// first lacks.
func (d *decoder) merge(n node, own []pair, first map[string]*yaml.Node) []pair {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n.Node = n.Alias
	}
	if !d.spend(n) {
		return own
	}
	if d.merging[n.Node] {
		d.fail(n, "the merge key refers to the mapping it is in")
		return own
	}
	if d.merging == nil {
		d.merging = map[*yaml.Node]bool{}
	}
	d.merging[n.Node] = true
	defer delete(d.merging, n.Node)
	switch n.Kind {
	case yaml.MappingNode:
		for _, p := range d.pairs(n) {
			if first[p.name] == nil {
				first[p.name] = p.key
				own = append(own, p)
			}
		}
	case yaml.SequenceNode:
		for _, child := range n.Content {
			own = d.merge(node{Node: child, path: n.path}, own, first)
		}
	default:
		d.fail(n, "a merge key wants a mapping or a list of mappings, not %s", describe(n.Node))
	}
	return own
}

// key returns the text of a key, which must be a string.
func (d *decoder) key(n node, key *yaml.Node) (string, bool) {
	if key.Kind == yaml.AliasNode && key.Alias != nil {
		key = key.Alias
	}
	if key.Kind == yaml.ScalarNode && (d.lenient || isString(key)) {
		return key.Value, true
	}
	n.Node = key
	d.fail(n, "a key must be a string, not %s; put it in quotes", describe(key))
	return "", false
}
