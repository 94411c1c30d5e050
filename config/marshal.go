package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Style is how yaml is laid out.
type Style int

const (
	// Compact indents by two spaces, and lists not at all: the style of
	// metadata files.
	Compact Style = iota
	// Wide indents by four spaces, lists too: the style of a dry run.
	Wide
)

// YAML returns the configuration as a document that reads back as the same
// configuration. Only what is set is written, and of the sections all but the
// empty parts of the kernel.
func (c *Config) YAML(style Style) ([]byte, error) {
	indent := 2
	if style == Wide {
		indent = 4
	}
	data, err := yaml.Dump(encode(reflect.ValueOf(*c)), yaml.WithV3Defaults(), yaml.WithIndent(indent),
		yaml.WithLineWidth(-1), yaml.WithCompactSeqIndent(style == Compact))
	if err != nil {
		return nil, fmt.Errorf("writing configuration: %w", err)
	}
	return data, nil
}

// JSON returns the configuration as a JSON document with an indentation of
// four spaces, in which absent lists are null. It fails if a string is not
// text.
func (c *Config) JSON() ([]byte, error) {
	for _, f := range c.Files {
		if f.Contents != nil && !utf8.ValidString(*f.Contents) {
			return nil, fmt.Errorf("writing configuration as JSON: the contents of %s are not text; write it as yaml", f.Path)
		}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("writing configuration as JSON: %w", err)
	}
	// JSON may hold these characters as they are, yaml may not.
	text := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\ufffe"), []byte(`\ufffe`))
	return bytes.ReplaceAll(text, []byte("\uffff"), []byte(`\uffff`)), nil
}

// Expand returns a copy in which the images of the kernel, init and containers
// have the names that expand gives them; those of volumes stay.
func (c *Config) Expand(expand func(image string) string) *Config {
	full := *c
	if full.Kernel.Image != "" {
		full.Kernel.Image = expand(full.Kernel.Image)
	}
	full.Init = nil
	for _, name := range c.Init {
		full.Init = append(full.Init, expand(name))
	}
	full.Onboot = expandAll(c.Onboot, expand)
	full.Onshutdown = expandAll(c.Onshutdown, expand)
	full.Services = expandAll(c.Services, expand)
	return &full
}

func expandAll(list []*Container, expand func(string) string) []*Container {
	var full []*Container
	for _, c := range list {
		entry := *c
		entry.Image = expand(c.Image)
		full = append(full, &entry)
	}
	return full
}

// encode returns the yaml node of a value, by the json tags of its type.
func encode(v reflect.Value) *yaml.Node {
	if id, ok := v.Interface().(ID); ok {
		if id.IsNumber {
			return scalarNode("!!int", strconv.FormatUint(uint64(id.Number), 10))
		}
		return stringNode(id.Name)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encode(v.Elem())
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, f := range fieldsOf(v.Type()) {
			if value := v.FieldByIndex(f.index); !omitted(v.Type(), f, value) {
				n.Content = append(n.Content, stringNode(f.name), encode(value))
			}
		}
		return n
	case reflect.Slice:
		return encodeList(v)
	case reflect.Map:
		return encodeMap(v)
	case reflect.String:
		return stringNode(v.String())
	case reflect.Bool:
		return scalarNode("!!bool", strconv.FormatBool(v.Bool()))
	default:
		return scalarNode("!!int", fmt.Sprint(v.Interface()))
	}
}

func encodeList(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if v.Len() == 0 {
		n.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		n.Content = append(n.Content, encode(v.Index(i)))
	}
	return n
}

func encodeMap(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	for _, key := range keys {
		n.Content = append(n.Content, stringNode(key.String()), encode(v.MapIndex(key)))
	}
	return n
}

// omitted says whether a member is not written: it is empty and its tag says
// so.
func omitted(t reflect.Type, f field, v reflect.Value) bool {
	_, options, _ := strings.Cut(t.FieldByIndex(f.index).Tag.Get("json"), ",")
	if !strings.Contains(options, "omitempty") {
		return false
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

func stringNode(s string) *yaml.Node {
	var n yaml.Node
	n.SetString(s)
	return &n
}

func scalarNode(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
