package config

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// field is a member of an object: its key and where its value is kept.
type field struct {
	name  string
	index []int
}

var fieldCache sync.Map // of reflect.Type to []field

// fieldsOf returns the members of a struct type in their order, told by json
// tags. Those of embedded structs count as its own.
func fieldsOf(t reflect.Type) []field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]field)
	}
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		if f.Anonymous && !tagged {
			for _, inner := range fieldsOf(f.Type) {
				list = append(list, field{inner.name, slices.Concat([]int{i}, inner.index)})
			}
			continue
		}
		if name, _, _ := strings.Cut(tag, ","); name != "" && name != "-" {
			list = append(list, field{name, []int{i}})
		}
	}
	fieldCache.Store(t, list)
	return list
}

// otherSpellings are keys that are read like another one, by type: those that
// upstream writes itself.
var otherSpellings = map[reflect.Type]map[string]string{
	reflect.TypeFor[Mount]():     {"uidmappings": "uidMappings", "gidmappings": "gidMappings"},
	reflect.TypeFor[Resources](): {"blockIO": "blockio"},
}

// requiredKeys are keys that must be present, by type.
var requiredKeys = map[reflect.Type][]string{
	reflect.TypeFor[Container](): {"name", "image"},
	reflect.TypeFor[Volume]():    {"name"},
}

// valueDecoders decode members that are not what their Go type says.
var valueDecoders = map[reflect.Type]map[string]func(*decoder, node, reflect.Value){
	reflect.TypeFor[specs.LinuxHugepageLimit](): {"pageSize": (*decoder).pageSize},
}

// findField returns the member that a key names. Any letter case will do for
// parts of a lenient document, except for the image config itself.
func (d *decoder) findField(t reflect.Type, key string) (field, bool) {
	if other, ok := otherSpellings[t][key]; ok {
		key = other
	}
	fold := d.lenient && t != reflect.TypeFor[ImageConfig]()
	for _, f := range fieldsOf(t) {
		if f.name == key || fold && strings.EqualFold(f.name, key) {
			return f, true
		}
	}
	return field{}, false
}

func fieldNames(t reflect.Type) string {
	var names []string
	for _, f := range fieldsOf(t) {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
