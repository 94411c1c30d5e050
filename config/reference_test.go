package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the generated documents anew")

const referencePage = "../docs/reference/yaml.md"

// endOfText is the line below which the reference is made from the schema.
const endOfText = "<!-- The tables below are made from config/schema.json. -->\n"

// TestYAMLReference keeps the tables of docs/reference/yaml.md what the schema
// says.
func TestYAMLReference(t *testing.T) {
	old, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	text, _, found := bytes.Cut(old, []byte(endOfText))
	if !found {
		t.Fatalf("%s lacks the line %q", referencePage, endOfText)
	}
	want := append(append(text[:len(text):len(text)], endOfText...), schemaTables(t)...)
	if *update {
		if err := os.WriteFile(referencePage, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(old, want) {
		t.Errorf("%s is out of date; go test ./config -run Reference -update writes it anew", referencePage)
	}
}

// schemaTables returns one table for each object of the schema, in its order.
func schemaTables(t *testing.T) []byte {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(Schema), &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	var buf bytes.Buffer
	writeTable(t, &buf, "Document", root)
	eachMember(member(root, "$defs"), func(name string, def *yaml.Node) {
		if member(def, "properties") != nil {
			writeTable(t, &buf, name, def)
		}
	})
	return buf.Bytes()
}

// writeTable writes the members of an object, and then those of the objects
// inside it.
func writeTable(t *testing.T, buf *bytes.Buffer, title string, object *yaml.Node) {
	fmt.Fprintf(buf, "\n## %s\n\n%s\n\n| key | type | meaning |\n|---|---|---|\n", title, scalar(object, "description"))
	type nested struct {
		title  string
		object *yaml.Node
	}
	var inner []nested
	eachMember(member(object, "properties"), func(name string, prop *yaml.Node) {
		meaning := scalar(prop, "description")
		if meaning == "" {
			t.Errorf("%s of %s has no description in the schema", name, title)
		}
		fmt.Fprintf(buf, "| `%s` | %s | %s |\n", name, typeName(prop), strings.ReplaceAll(meaning, "|", "\\|"))
		for _, part := range []*yaml.Node{prop, member(prop, "items")} {
			if member(part, "properties") != nil {
				inner = append(inner, nested{title + "." + name, part})
			}
		}
	})
	for _, n := range inner {
		writeTable(t, buf, n.title, n.object)
	}
}

func typeName(prop *yaml.Node) string {
	if ref := scalar(prop, "$ref"); ref != "" {
		return refName(ref[strings.LastIndex(ref, "/")+1:])
	}
	if items := member(prop, "items"); items != nil {
		return "list of " + typeName(items)
	}
	if kinds := member(prop, "type"); kinds != nil && kinds.Kind == yaml.SequenceNode {
		var names []string
		for _, k := range kinds.Content {
			names = append(names, k.Value)
		}
		return strings.Join(names, " or ")
	}
	return scalar(prop, "type")
}

// refName is the name of a shared type; objects have a table of their own.
func refName(name string) string {
	switch name {
	case "strings":
		return "list of string"
	case "stringMap":
		return "map of string"
	case "image", "mode":
		return name
	case "id":
		return "integer or string"
	case "blockio":
		return "object"
	}
	if strings.Contains(name, "int") {
		return "integer"
	}
	return "[" + name + "](#" + strings.ToLower(name) + ")"
}

func member(object *yaml.Node, name string) *yaml.Node {
	var found *yaml.Node
	eachMember(object, func(n string, v *yaml.Node) {
		if n == name {
			found = v
		}
	})
	return found
}

func eachMember(object *yaml.Node, fn func(name string, v *yaml.Node)) {
	if object == nil || object.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(object.Content); i += 2 {
		fn(object.Content[i].Value, object.Content[i+1])
	}
}

func scalar(object *yaml.Node, name string) string {
	if v := member(object, name); v != nil {
		return v.Value
	}
	return ""
}
