package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scalar decodes a string, a boolean or an integer.
func (d *decoder) scalar(n node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s, err := d.text(n.Node); err != nil {
			d.wrongType(n, "a string")
		} else {
			v.SetString(s)
		}
	case reflect.Bool:
		if b, err := d.boolean(n.Node); err != nil {
			d.wrongType(n, "true or false")
		} else {
			v.SetBool(b)
		}
	default:
		d.integer(n, v)
	}
}

var errType = errors.New("another type")

// isString says whether a scalar is a string. Dates are, because only yaml
// tells them apart; so are the values of "<<" and "=".
func isString(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!str", "!!timestamp", "!!merge", "!!value":
		return true
	}
	return false
}

func (d *decoder) text(n *yaml.Node) (string, error) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", errType
	case isString(n), d.lenient && n.ShortTag() != "!!binary":
		return n.Value, nil
	case n.ShortTag() == "!!binary":
		text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		return string(text), err
	}
	return "", errType
}

func (d *decoder) boolean(n *yaml.Node) (bool, error) {
	if n.Kind != yaml.ScalarNode || !d.lenient && n.ShortTag() != "!!bool" {
		return false, errType
	}
	switch strings.ToLower(n.Value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if d.lenient {
		switch strings.ToLower(n.Value) {
		case "yes", "on", "y":
			return true, nil
		case "no", "off", "n":
			return false, nil
		}
	}
	return false, errType
}

func (d *decoder) integer(n node, v reflect.Value) {
	i, err := wholeNumber(n.Node)
	if err != nil {
		d.wrongType(n, "an integer")
		return
	}
	low, high := bounds(v.Type())
	if i.Cmp(low) < 0 || i.Cmp(high) > 0 {
		d.fail(n, "%s is out of range; want %s to %s", clip(n.Value), low, high)
		return
	}
	if v.CanUint() {
		v.SetUint(i.Uint64())
	} else {
		v.SetInt(i.Int64())
	}
}

// wholeNumber returns the value of an integer, or of a float without fraction.
func wholeNumber(n *yaml.Node) (*big.Int, error) {
	if n.Kind != yaml.ScalarNode {
		return nil, errType
	}
	plain := strings.ReplaceAll(n.Value, "_", "")
	switch n.ShortTag() {
	case "!!int":
		if i, ok := new(big.Int).SetString(strings.TrimPrefix(plain, "+"), 0); ok && len(plain) <= 128 {
			return i, nil
		}
	case "!!float":
		// Larger numbers fit into no type; their expansion is left alone.
		f, err := strconv.ParseFloat(plain, 64)
		if err == nil && math.Abs(f) < 1e30 && f == math.Trunc(f) {
			i, _ := new(big.Float).SetFloat64(f).Int(nil)
			return i, nil
		}
	}
	return nil, errType
}

func bounds(t reflect.Type) (low, high *big.Int) {
	one, bits := big.NewInt(1), uint(t.Bits())
	if reflect.Zero(t).CanUint() {
		high = new(big.Int).Lsh(one, bits)
		return new(big.Int), high.Sub(high, one)
	}
	high = new(big.Int).Lsh(one, bits-1)
	return new(big.Int).Neg(high), new(big.Int).Sub(high, one)
}

// id decodes a number or the name of a container.
func (d *decoder) id(n node, v reflect.Value) {
	if n.Kind == yaml.ScalarNode && isString(n.Node) {
		v.Set(reflect.ValueOf(ID{Name: n.Value}))
		return
	}
	if _, err := wholeNumber(n.Node); err != nil {
		d.wrongType(n, "a number or the name of a container")
		return
	}
	number := reflect.New(reflect.TypeFor[uint32]()).Elem()
	d.integer(n, number)
	v.Set(reflect.ValueOf(ID{Number: uint32(number.Uint()), IsNumber: true}))
}

// pageSize decodes the size of huge pages: a string such as "2MB", as the OCI
// specification wants, or a number of bytes.
func (d *decoder) pageSize(n node, v reflect.Value) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n.Node = n.Alias
	}
	if s, err := d.text(n.Node); err == nil && (!d.lenient || isString(n.Node)) {
		v.SetString(s)
		return
	}
	if _, err := wholeNumber(n.Node); err != nil {
		d.wrongType(n, "a string such as \"2MB\", or a number of bytes")
		return
	}
	number := reflect.New(reflect.TypeFor[uint64]()).Elem()
	d.integer(n, number)
	v.SetString(byteSize(number.Uint()))
}

func byteSize(size uint64) string {
	for _, unit := range []string{"", "K", "M"} {
		if size == 0 || size%1024 != 0 {
			return fmt.Sprintf("%d%sB", size, unit)
		}
		size /= 1024
	}
	return fmt.Sprintf("%dGB", size)
}

// describe names what a node is for the reader of an error.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "an object"
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return "the string " + strconv.Quote(clip(n.Value))
	case "!!int":
		return "the integer " + clip(n.Value)
	case "!!float":
		return "the number " + clip(n.Value)
	case "!!bool":
		return "the boolean " + clip(n.Value)
	case "!!null":
		return "null"
	}
	return "a value of type " + clip(n.ShortTag())
}

func hint(n *yaml.Node, want string) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	switch tag := n.ShortTag(); {
	case strings.HasPrefix(want, "a string") && (tag == "!!int" || tag == "!!float" || tag == "!!bool"):
		return "; put it in quotes: " + strconv.Quote(clip(n.Value))
	case want == "a list":
		return "; put it in brackets or write it as an item that begins with \"- \""
	case want == "true or false" && isString(n):
		return "; write true or false without quotes"
	case want == "an integer" && isString(n):
		return "; write a number without quotes"
	}
	return ""
}

// clip shortens text for an error.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}
