package config

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Label is the image label that holds defaults for containers made from the
// image.
const Label = "org.mobyproject.config"

// MergeLabel returns the settings of a container made from an image with this
// value of [Label]: what own leaves out comes from the label. A key present in
// own replaces the label's, even by an empty value; of the plain strings (cwd,
// hostname and namespaces), only a non-empty one does. Capabilities and binds
// are those of own, or else those of the label followed by own's "add" list;
// the result has no "add" lists. The command, the environment and the working
// directory of the image itself are not looked at.
//
// The label is checked like a document, and a fault is returned as [Errors].
// What its values mean is not checked.
func MergeLabel(label string, own ImageConfig) (ImageConfig, error) {
	var base ImageConfig
	if label != "" {
		var err error
		if base, err = decodeLabel(label); err != nil {
			return ImageConfig{}, fmt.Errorf("the %s label is invalid: %w", Label, err)
		}
	}
	merged := own
	mergeFields(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(base))
	merged.Runtime = mergeRuntime(own.Runtime, base.Runtime)
	merged.Capabilities = addTo(own.Capabilities, base.Capabilities, own.CapabilitiesAdd)
	merged.Binds = addTo(own.Binds, base.Binds, own.BindsAdd)
	merged.CapabilitiesAdd, merged.BindsAdd = nil, nil
	return merged, nil
}

func decodeLabel(label string) (ImageConfig, error) {
	root, err := parse("label", []byte(label))
	if err != nil {
		return ImageConfig{}, err
	}
	return decodeImageConfig(&decoder{file: "label"}, root)
}

// DecodeImageConfig decodes the settings of a container from a node of the
// document called file. As in a package's build.yml, scalars of any type are
// taken as strings where a string is wanted, and null is an absent key. The
// result is not checked any further; its JSON is the value of [Label].
func DecodeImageConfig(file string, n *yaml.Node) (ImageConfig, error) {
	return decodeImageConfig(&decoder{file: file, lenient: true}, n)
}

func decodeImageConfig(d *decoder, n *yaml.Node) (ImageConfig, error) {
	var c ImageConfig
	d.value(node{Node: n}, reflect.ValueOf(&c).Elem())
	if err := d.errs.err(); err != nil {
		return ImageConfig{}, err
	}
	return c, nil
}

// mergeFields sets the members of a struct that are nil or empty.
func mergeFields(v, base reflect.Value) {
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			v.Field(i).Set(base.Field(i))
		}
	}
}

// mergeRuntime merges member by member, also those of bindNS.
func mergeRuntime(own, base *Runtime) *Runtime {
	if own == nil || base == nil {
		if own == nil {
			return base
		}
		return own
	}
	merged := *own
	mergeFields(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(*base))
	if own.BindNS != nil && base.BindNS != nil {
		ns := *own.BindNS
		mergeFields(reflect.ValueOf(&ns).Elem(), reflect.ValueOf(*base.BindNS))
		merged.BindNS = &ns
	}
	return &merged
}

// addTo returns own if it is given, else base followed by add. Duplicates stay.
func addTo(own, base, add *[]string) *[]string {
	if own != nil || add == nil {
		if own != nil {
			return own
		}
		return base
	}
	var sum []string
	if base != nil {
		sum = slices.Clone(*base)
	}
	sum = append(sum, *add...)
	return &sum
}
