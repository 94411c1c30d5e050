package treetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Diff returns one line for each difference between a recorded and a built
// tree. Paths in skip are not compared beyond their existence.
func Diff(want, got map[string]Row, skip ...string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[name]
		switch {
		case !ok:
			all = append(all, "missing: "+name)
		case !slices.Contains(skip, name):
			all = append(all, diffRow(resolve(want, want[name]), resolve(got, g))...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			all = append(all, "unexpected: "+name)
		}
	}
	return all
}

// resolve replaces a hard link by the file it names.
func resolve(tree map[string]Row, row Row) Row {
	for range 40 {
		target, ok := tree[row.Link]
		if row.Type != "hardlink" || !ok {
			return row
		}
		target.Name = row.Name
		row = target
	}
	return row
}

func diffRow(want, got Row) []string {
	var all []string
	differ := func(field string, w, g any) {
		if !reflect.DeepEqual(w, g) {
			all = append(all, fmt.Sprintf("%s: %s is %v, want %v", want.Name, field, g, w))
		}
	}
	differ("type", want.Type, got.Type)
	if want.Type != "symlink" {
		differ("mode", want.Mode, got.Mode)
	}
	differ("uid", want.UID, got.UID)
	differ("gid", want.GID, got.GID)
	differ("link", want.Link, got.Link)
	differ("dev", want.Dev, got.Dev)
	if want.JSON != nil {
		differ("json", want.JSON, decode(got.Content))
		return all
	}
	differ("size", want.Size, got.Size)
	differ("sha256", want.SHA256, got.SHA256)
	return all
}

// decode keeps numbers as they are written.
func decode(content []byte) any {
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err.Error()
	}
	return v
}
