package runtimespec

import (
	"encoding/json"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

// FuzzBuild merges arbitrary settings with an arbitrary label. What passes the
// checks of the configuration and of the label must become a valid bundle.
func FuzzBuild(f *testing.F) {
	f.Add(`{"binds":["/a:/b"],"pid":"host","runtime":{"mkdir":["/x"]}}`, `{capabilities.add: [CAP_KILL], binds.add: ["/c:/b:ro"], net: new}`)
	f.Add("readonly: true\ncapabilities: [all]\nambient: [CAP_CHOWN]", `{tmpfs: ["/t:size=1m"], mounts: [{source: mqueue}, {destination: /dev}]}`)
	f.Add("", `{rlimits: ["nofile,1,unlimited"], devices: [{path: all, type: b}, {path: /dev/x, type: c, mode: "0666"}], uid: svc}`)
	f.Add(`resources: {devices: [{allow: false, access: rwm}], memory: {}, blockio: {weight: 5}}`, `{runtime: {bindNS: {net: /x}, interfaces: [{name: a, peer: b}]}}`)
	f.Fuzz(func(t *testing.T, label, own string) {
		cfg, err := config.Decode("f", []byte("services: [{name: svc, image: x, <<: "+own+"}]"))
		if err != nil || cfg.Validate() != nil || len(cfg.Services) != 1 {
			return
		}
		before, err := json.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		merged, err := config.MergeLabel(label, cfg.Services[0].ImageConfig)
		if err != nil {
			return
		}
		spec, runtime, err := build(merged, appImage)
		if err != nil {
			return
		}
		checkBundle(t, spec, runtime)
		if after, _ := json.Marshal(cfg); string(after) != string(before) {
			t.Errorf("the configuration changed from %s to %s", before, after)
		}
	})
}

func checkBundle(t *testing.T, spec *specs.Spec, runtime *Runtime) {
	for i, m := range spec.Mounts[1:] {
		if spec.Mounts[i].Destination >= m.Destination {
			t.Errorf("mounts are not in order, or twice: %v", spec.Mounts)
		}
	}
	if len(spec.Process.Args) == 0 || spec.Process.Cwd == "" || spec.Process.Capabilities == nil || spec.Linux.Resources == nil {
		t.Errorf("something is missing: %+v", spec.Process)
	}
	for _, set := range [][]string{spec.Process.Capabilities.Bounding, spec.Process.Capabilities.Permitted, spec.Process.Capabilities.Inheritable} {
		if !slices.IsSorted(set) || len(slices.Compact(slices.Clone(set))) != len(set) {
			t.Errorf("capabilities %v", set)
		}
	}
	if runtime.Mounts == nil || runtime.Mkdir == nil || runtime.Cgroups == nil || runtime.Interfaces == nil {
		t.Errorf("runtime.json would have null: %+v", runtime)
	}
	for _, file := range []any{spec, runtime} {
		if _, err := Marshal(file); err != nil {
			t.Error(err)
		}
	}
}
