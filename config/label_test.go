package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// own returns the settings of a container from its yaml.
func own(t *testing.T, settings string) ImageConfig {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(settings), &n); err != nil {
		t.Fatal(err)
	}
	c, err := decodeImageConfig(&decoder{file: "own"}, n.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMergeLabel(t *testing.T) {
	for name, c := range map[string]struct{ label, own, want string }{
		"no label":             {"", "{net: new}", "{net: new}"},
		"only label":           {`{"net":"new","command":["/a"]}`, "{}", "{net: new, command: [/a]}"},
		"yaml label":           {"net: new\n", "{}", "{net: new}"},
		"add keeps duplicates": {`{"capabilities":["CAP_SYS_ADMIN","CAP_KILL"]}`, "{capabilities.add: [CAP_KILL, CAP_CHOWN]}", "{capabilities: [CAP_SYS_ADMIN, CAP_KILL, CAP_KILL, CAP_CHOWN]}"},
		"empty beats add":      {`{"capabilities":["CAP_SYS_ADMIN"]}`, "{capabilities: [], capabilities.add: [CAP_KILL]}", "{capabilities: []}"},
		"add to nothing":       {"{}", "{binds.add: [\"/a:/b\"]}", "{binds: [\"/a:/b\"]}"},
		"add of label":         {`{"binds.add":["/a:/b"],"capabilities.add":["all"]}`, "{}", "{}"},
		"binds":                {`{"binds":["/a:/b"]}`, "{binds.add: [\"/c:/d\"]}", "{binds: [\"/a:/b\", \"/c:/d\"]}"},
		"cleared": {
			`{"binds":["/a:/b"],"net":"new","command":["/x"],"env":["A=1"],"cwd":"/x","hostname":"h","uid":5,"readonly":true,"resources":{"pids":{"limit":1}},"sysctl":{"a":"b"}}`,
			`{binds: [], net: host, command: [], env: [], cwd: /y, hostname: "", uid: 0, readonly: false, resources: {}, sysctl: {}}`,
			`{binds: [], net: host, command: [], env: [], cwd: /y, hostname: h, uid: 0, readonly: false, resources: {}, sysctl: {}}`,
		},
		"runtime": {
			`{"runtime":{"cgroups":["l"],"mkdir":["/l"],"bindNS":{"net":"/l","pid":"/l"},"namespace":"l"}}`,
			`{runtime: {cgroups: [y], mkdir: [], bindNS: {net: "", uts: /y}}}`,
			`{runtime: {cgroups: [y], mkdir: [], bindNS: {net: "", pid: /l, uts: /y}, namespace: l}}`,
		},
	} {
		before := own(t, c.own)
		got, err := MergeLabel(c.label, before)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(own(t, c.want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(own(t, c.own), before); diff != "" {
			t.Errorf("%s: the argument changed:\n%s", name, diff)
		}
	}
}

func TestInvalidLabel(t *testing.T) {
	for label, want := range map[string]string{
		`{"foo":1}`:          `label:1:2: foo: unknown key "foo"`,
		`{"name":"x"}`:       `label:1:2: name: unknown key "name"`,
		`{"image":"x"}`:      `label:1:2: image: unknown key "image"`,
		`[1]`:                "label:1:1: want an object, not a list",
		`null`:               "label:1:1: empty, want an object",
		` `:                  "label:1:1: the document is empty",
		`{"readonly":"yes"}`: "label:1:13: readonly: want true or false",
		`{`:                  "label:2:1: not valid yaml",
	} {
		_, err := MergeLabel(label, ImageConfig{})
		if err == nil || !strings.HasPrefix(err.Error(), "the org.mobyproject.config label is invalid: "+want) {
			t.Errorf("%s: %v, want %s", label, err, want)
		}
	}
}

func TestDecodeImageConfig(t *testing.T) {
	for doc, want := range map[string]string{
		"binds: [/a:/b]\ncapabilities: [all]":                                    `{"capabilities":["all"],"binds":["/a:/b"]}`,
		"devices: [{path: /dev/x, type: c, mode: 0666}]":                         `{"devices":[{"path":"/dev/x","type":"c","major":0,"minor":0,"mode":"0666"}]}`,
		"env: [1, true, 1.50, 2020-01-01]\nreadonly: yes":                        `{"env":["1","true","1.50","2020-01-01"],"readonly":true}`,
		"sysctl: {net.ipv4.ip_forward: 1, b: }\nuid: 5":                          `{"uid":5,"sysctl":{"b":"","net.ipv4.ip_forward":"1"}}`,
		"net:\nbinds: null\ncommand: []":                                         `{"command":[]}`,
		"resources: {memory: {kernelTCP: 5, SWAP: 2}, blockIO: {leafweight: 3}}": `{"resources":{"memory":{"swap":2,"kernelTCP":5},"blockio":{"leafWeight":3}}}`,
		"runtime: {interfaces: [{name: a}]}\nuid: \"x\"":                         `{"uid":"x","runtime":{"interfaces":[{"name":"a","createInRoot":false}]}}`,
		"uidMappings: [{hostID: 1, containerID: 2, size: 3}]":                    `{"uidMappings":[{"containerID":2,"hostID":1,"size":3}]}`,
	} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(doc), &n); err != nil {
			t.Fatal(err)
		}
		c, err := DecodeImageConfig("build.yml", n.Content[0])
		if err != nil {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		got, err := json.Marshal(c)
		if err != nil || string(got) != want {
			t.Errorf("%s gives %s, %v, want %s", doc, got, err, want)
		}
		if _, err := MergeLabel(string(got), ImageConfig{}); err != nil {
			t.Errorf("the label does not read back: %v", err)
		}
	}
	for doc, want := range map[string]string{
		"config: {foo: 1}":           `build.yml:1:10: foo: unknown key "foo"`,
		"config: {maskedpaths: []}":  `build.yml:1:10: maskedpaths: unknown key "maskedpaths"`,
		"config: {env: a}":           "build.yml:1:15: env: want a list, not the string \"a\"",
		"config: {oomScoreAdj: one}": "build.yml:1:23: oomScoreAdj: want an integer, not the string \"one\"",
		"config: [a]":                "build.yml:1:9: want an object, not a list",
	} {
		var n struct{ Config yaml.Node }
		if err := yaml.Unmarshal([]byte(doc), &n); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeImageConfig("build.yml", &n.Config); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", doc, err, want)
		}
	}
}

func FuzzMergeLabel(f *testing.F) {
	f.Add(`{"capabilities":["all"],"runtime":{"bindNS":{"net":"x"}}}`)
	f.Add("a: &a [*a]")
	f.Add("[1]")
	f.Fuzz(func(t *testing.T, label string) {
		merged, err := MergeLabel(label, ImageConfig{BindsAdd: &[]string{"/a:/b"}})
		if err != nil {
			return
		}
		if merged.BindsAdd != nil || merged.Binds == nil || len(*merged.Binds) == 0 {
			t.Errorf("%q lost a bind: %+v", label, merged)
		}
		data, err := json.Marshal(merged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := MergeLabel(string(data), ImageConfig{}); err != nil {
			t.Errorf("%q is not a label: %v", data, err)
		}
	})
}
