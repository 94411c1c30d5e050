package config

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sameConfig compares what configurations say: not where, and not whether a
// list without a nil meaning is nil.
var sameConfig = cmp.Options{
	cmpopts.IgnoreTypes(Position{}, Positions{}),
	cmpopts.EquateEmpty(),
}

// filled returns c with empty lists for absent ones, which are null in JSON, and
// no configuration may have that.
func filled(c *Config) *Config {
	full := *c
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.IsNil() {
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		}
	}
	return &full
}

// checkRoundTrip checks that what is written reads back as the same.
func checkRoundTrip(t *testing.T, c *Config) {
	t.Helper()
	for name, write := range map[string]func() ([]byte, error){
		"compact": func() ([]byte, error) { return c.YAML(Compact) },
		"wide":    func() ([]byte, error) { return c.YAML(Wide) },
		"json":    filled(c).JSON,
	} {
		data, err := write()
		if err != nil {
			if name == "json" {
				continue // strings that are not text
			}
			t.Fatalf("%s: %v", name, err)
		}
		again, err := Decode(name, data)
		if err != nil {
			t.Fatalf("%s does not read back: %v\n%s", name, err, data)
		}
		if diff := cmp.Diff(c, again, sameConfig); diff != "" {
			t.Fatalf("%s differs when read back (-want +got):\n%s\n%s", name, diff, data)
		}
		if name == "json" {
			continue
		}
		// A nil list is not an empty one where that has a meaning.
		if twice, err := again.YAML(Compact); err != nil || name == "compact" && string(twice) != string(data) {
			t.Fatalf("written again as\n%s\nnot\n%s", twice, data)
		}
	}
}

const everything = `
kernel: {image: k, cmdline: "a=b", binary: b, tar: "", ucode: u}
init: [a, "b:1"]
onboot:
- name: a
  image: b
  capabilities: [CAP_KILL]
  capabilities.add: []
  ambient: []
  mounts: [{type: tmpfs, destination: /x, options: [a], uidmappings: [{hostID: 1, containerID: 2, size: 3}]}]
  binds: []
  binds.add: ["/a:/b"]
  devices: [{path: /dev/x, type: c, major: 1, minor: 2, mode: "0666"}]
  tmpfs: [/q]
  command: []
  env: [A=1, "yes", "1.0", "0644", "null", "~", "", " x ", "a: b", "#", "\t", "\u0001\u2028\U0001F600"]
  cwd: /y
  net: new
  hostname: "007"
  readonly: false
  uid: 0
  gid: a
  additionalGids: [1, root]
  oomScoreAdj: 0
  rootfsPropagation: ""
  resources: {memory: {}, hugepageLimits: [{pageSize: 2097152, limit: 3}]}
  sysctl: {"1": "2", z: y}
  rlimits: ["nofile,1,2"]
  uidMappings: [{hostID: 1000, containerID: 1, size: 10}]
  annotations: {}
  runtime: {mkdir: [], interfaces: [{name: a}], bindNS: {net: "", pid: /x}, namespace: ""}
files:
- {path: a, contents: "", mode: "0644", uid: 5, gid: a}
- {path: b, contents: "line\n  more\n\n"}
- {path: c, contents: "\ttab\r\n"}
- {path: d, directory: true}
- {path: e, source: "~/x", optional: true}
- {path: f, contents: "<html>&amp;\x7f"}
- {path: g, contents: "  leading\nx \n"}
volumes: [{name: v, image: b, readonly: true, format: oci, platforms: [linux/amd64]}]
`

func TestRoundTrip(t *testing.T) {
	c, err := check(everything)
	if err != nil {
		t.Fatal(err)
	}
	checkRoundTrip(t, c)
}

// The text of metadata files is that of the reference implementation.
func TestMetadataText(t *testing.T) {
	c, err := check(`init: [conf/init:v1]
services: [{name: app, image: "conf/app:v1", capabilities: [CAP_CHOWN]}]
files: [{path: etc/linuxkit.yml, metadata: yaml, mode: "0644"}]`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Expand(func(name string) string { return "docker.io/" + name }).YAML(Compact)
	if err != nil {
		t.Fatal(err)
	}
	const want = "b18ba8c52a6e00cb978184105d3075941e4210a7d7da423a772e7748cb684f9a"
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		t.Errorf("metadata is\n%s", data)
	}
	if c.Init[0] != "conf/init:v1" || c.Services[0].Image != "conf/app:v1" {
		t.Error("Expand changed its receiver")
	}
}

func TestDryRunText(t *testing.T) {
	for doc, want := range map[string]string{
		"{}": "kernel:\n    image: \"\"\ninit: []\nonboot: []\nonshutdown: []\nservices: []\nfiles: []\nvolumes: []\n",
		"services: [{name: a, image: b, env: [\"1\"]}]": "kernel:\n    image: \"\"\ninit: []\nonboot: []\nonshutdown: []\nservices:\n" +
			"    - name: a\n      image: b\n      env:\n        - \"1\"\nfiles: []\nvolumes: []\n",
	} {
		c, err := check(doc)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.YAML(Wide); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", doc, err, got, want)
		}
	}
}

func TestJSONText(t *testing.T) {
	c, err := check("init: [a]")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
    "kernel": {
        "image": ""
    },
    "init": [
        "a"
    ],
    "onboot": null,
    "onshutdown": null,
    "services": null,
    "files": null,
    "volumes": null
}`
	if got, err := c.JSON(); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if c, err = check("files: [{path: a, contents: !!binary /w==}]"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.JSON(); err == nil {
		t.Error("a string that is not text was written as JSON")
	}
	checkRoundTrip(t, c)
}

// Any text comes through, as a value and as a key.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "yes", "0644", "a: b", "<<", "=", "2020-01-01", "\n a\n\n", "- x", "\ufeff", "\u2028\r", "\ufffe\uffff", "\xff", "!x", "%a\n---\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := &Config{Files: []*File{{Path: "a", Contents: &s, Source: s}}}
		if utf8.ValidString(s) {
			m := map[string]string{s: s}
			c.Services = []*Container{{Name: "a", Image: "b", ImageConfig: ImageConfig{Sysctl: &m, Binds: &[]string{s, s}}}}
		}
		checkRoundTrip(t, c)
	})
}
