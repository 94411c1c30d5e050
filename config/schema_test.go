package config

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func schemaObject(t *testing.T) map[string]any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

// The schema and the decoder agree on what is valid.
func TestSchemaAgrees(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", schemaObject(t)); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	service := func(settings ...string) (docs []string) {
		for _, s := range settings {
			docs = append(docs, "services: [{name: a, image: b, "+s+"}]")
		}
		return docs
	}
	file := func(settings ...string) (docs []string) {
		for _, s := range settings {
			docs = append(docs, "files: [{path: x, contents: y, "+s+"}]")
		}
		return docs
	}
	valid := slices.Concat([]string{
		"{}", "~", everything, "trust: {org: [a], image: [b]}", "kernel: {}", `kernel: {image: ""}`, "init: []",
		"volumes: [{name: a_b-1, image: x, format: oci, platforms: [linux/arm64/v8]}]", "volumes: [{name: a, format: filesystem}]",
		"onboot: [{name: A.b_c-1, image: x}]", "files: [{path: x, directory: true}]",
	}, service("uid: 1.0", "uid: 4294967295", "uid: root", "net: new", "oomScoreAdj: -1000", "rootfsPropagation: slave", "resources: {}",
		"resources: {blockIO: {weight: 65535}, hugepageLimits: [{pageSize: 5}]}", "mounts: [{type: tmpfs, destination: /x, gidmappings: []}]",
		"sysctl: {a: \"1\"}", "devices: [{path: all, type: a, mode: rwm}]", "env: [\"1\"]", "readonly: true",
		"resources: {memory: {limit: 9223372036854775807}, cpu: {shares: 18446744073709551615}}"),
		file(`mode: "0644"`, `mode: "0000644"`, "uid: root", "optional: true"))
	invalid := slices.Concat([]string{
		"[]", "hello", "5", "foo: 1", "onboot:", "kernel: {image: x, foo: 1}", "services: [{name: x}]", "services: [{image: x}]", "services: [~]",
		"init: [a, 5]", "init: [\"\"]", "kernel: {image: x, tar: null}", "trust: {foo: 1}", "trust: [a]", "volumes: [{name: A}]", "volumes: [{}]",
		"volumes: [{name: \"\"}]", "volumes: [{name: a, image: b, format: tar}]", "volumes: [{name: a, platforms: [x]}]", "onboot: {}",
		`services: [{name: "x/../../y", image: i}]`, `services: [{name: "", image: i}]`, `services: [{name: a, image: ""}]`,
		"files: [{path: x, metadata: foo}]", "files: [{contents: a}]", `files: [{path: "", contents: a}]`,
	}, service("uid: 1.5", "uid: -1", "uid: 4294967296", "uid: [1]", "uid: true", "readonly: yes", "annotations: {a: 1}", "sysctl: [a]", "env: [1]",
		"oomScoreAdj: 1001", "oomScoreAdj: 0.5", "rootfsPropagation: x", "rmlimits: []", "cwd: 5", "cwd: null", "hostname: {}",
		"devices: [{path: /dev/x, type: c, mode: 0666}]", "devices: [{type: c, mode: \"0666\"}]", "resources: {memory: {kerneltcp: 1}}",
		"resources: {blockio: {weight: 65536}}", "resources: {pids: null}", "resources: {hugepageLimits: [{pageSize: 1.5}]}",
		"resources: {memory: {limit: 9223372036854775808}}", "resources: {cpu: {shares: -1}}", "uidMappings: [{hostId: 1}]",
		"runtime: {interface: []}", "runtime: {interfaces: [{add: dummy}]}", "runtime: {mounts: [{type: tmpfs}]}", "runtime: {mkdir: [\"\"]}",
		"runtime: {bindNS: {network: x}}", "mounts: [{dest: /x}]", "mounts: [a]"),
		file(`mode: "999"`, `mode: "0o644"`, "mode: 0644", "optional: 1", "uid: 1e20"))
	for i, doc := range slices.Concat(valid, invalid) {
		var generic any
		if err := yaml.Load([]byte(doc), &generic); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		want := i < len(valid)
		if err := schema.Validate(generic); (err == nil) != want {
			t.Errorf("schema says of %s: %v", doc, err)
		}
		if _, err := check(doc); (err == nil) != want {
			t.Errorf("decoder says of %s: %v", doc, err)
		}
	}
}

// Every key of the types is in the schema, and the other way round.
func TestSchemaIsComplete(t *testing.T) {
	root := schemaObject(t)
	compareKeys(t, root, root, reflect.TypeFor[document](), "document")
}

func compareKeys(t *testing.T, root, schema map[string]any, typ reflect.Type, path string) {
	t.Helper()
	schema = follow(root, schema)
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[ID]():
	case typ.Kind() == reflect.Slice:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			t.Errorf("%s: the schema has no items", path)
			return
		}
		compareKeys(t, root, items, typ.Elem(), path+"[]")
	case typ.Kind() == reflect.Struct:
		compareObject(t, root, schema, typ, path)
	}
}

func compareObject(t *testing.T, root, schema map[string]any, typ reflect.Type, path string) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	if schema["additionalProperties"] != false {
		t.Errorf("%s: the schema accepts unknown keys", path)
	}
	want := map[string]bool{}
	for other := range otherSpellings[typ] {
		want[other] = true
	}
	for _, f := range fieldsOf(typ) {
		want[f.name] = true
		property, ok := properties[f.name].(map[string]any)
		if !ok {
			continue
		}
		if text, _ := property["description"].(string); text == "" {
			t.Errorf("%s.%s has no description", path, f.name)
		}
		compareKeys(t, root, property, typ.FieldByIndex(f.index).Type, path+"."+f.name)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(properties))); diff != "" {
		t.Errorf("%s: keys of the type and of the schema differ (-type +schema):\n%s", path, diff)
	}
}

// follow resolves references inside the document.
func follow(root, schema map[string]any) map[string]any {
	if all, ok := schema["allOf"].([]any); ok {
		return follow(root, all[0].(map[string]any))
	}
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	target := root
	for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		target = target[key].(map[string]any)
	}
	return follow(root, target)
}
