package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// check decodes and validates a document.
func check(doc string) (*Config, error) {
	c, err := Decode("f.yml", []byte(doc))
	if err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		doc string
		// want is the whole error text, or its beginning if it ends in "...".
		want string
	}{
		"empty":        {"", "f.yml:1:1: the document is empty; ..."},
		"comment only": {"# x\n", "f.yml:1:1: the document is empty; ..."},
		"list root":    {"[]", "f.yml:1:1: want an object, not a list"},
		"string root":  {"hello", `f.yml:1:1: want an object, not the string "hello"`},
		"unknown key":  {"foo: 1", `f.yml:1:1: foo: unknown key "foo"; known keys: files, init, kernel, onboot, onshutdown, services, trust, volumes`},
		"null section": {"onboot:", "f.yml:1:8: onboot: empty, want a list; remove it or give []"},
		"several": {"kernel: {image: x, foo: 1}\nservices:\n- {name: x, bar: 1}\n", strings.Join([]string{
			`f.yml:1:20: kernel.foo: unknown key "foo"; known keys: binary, cmdline, image, tar, ucode`,
			`f.yml:3:3: services.0: missing key "image"`,
			`f.yml:3:13: services.0.bar: unknown key "bar"; known keys: additionalGids, ambient, ...`,
		}, "\n")},
		"duplicate key":   {"kernel: {image: x}\nkernel: {image: x}", `f.yml:2:1: kernel: key "kernel" is already given on line 1`},
		"two documents":   {"init: [a]\n---\ninit: [b]", "f.yml:3:1: a second document begins here; ..."},
		"null second":     {"init: [a]\n---\n~", "f.yml:3:1: a second document begins here; ..."},
		"third":           {"init: [a]\n---\n---\ninit: [b]", "f.yml:4:1: a second document begins here; ..."},
		"broken second":   {"init: [a]\n---\ninit: [", "f.yml:4:1: not valid yaml: ..."},
		"syntax":          {"init: [a\nb: ]: c", "f.yml:2:..."},
		"not text":        {"init:\n- é\xff", "f.yml:2:4: not valid yaml: a byte that is not text ..."},
		"version":         {"%YAML 2.0\n---\n{}", "f.yml:1:1: not valid yaml: found incompatible YAML document"},
		"noncharacter":    {"init:\n- a\uffff", "f.yml:2:4: not valid yaml: a byte that is not text ..."},
		"control":         {"init:\n- a\x01", "f.yml:2:4: not valid yaml: a byte that is not text ..."},
		"tab":             {"init:\n\t- a", "f.yml:2:1: not valid yaml: while scanning for the next token: found character that cannot start any token; indent with blanks, ..."},
		"unquoted @":      {"init: [@pkg:x]", "f.yml:1:8: not valid yaml: while scanning ..."},
		"unknown anchor":  {"init: *x", "f.yml:1:7: not valid yaml: ..."},
		"number in list":  {"init: [a, 5]", `f.yml:1:11: init.1: want a string, not the integer 5; put it in quotes: "5"`},
		"null string":     {"kernel: {image: x, tar: null}", "f.yml:1:25: kernel.tar: empty, want a string; remove it or give it a value"},
		"integer key":     {"1: 2", "f.yml:1:1: a key must be a string, not the integer 1; put it in quotes"},
		"list key":        {"? [a]\n: b", "f.yml:1:3: a key must be a string, not a list; put it in quotes"},
		"deep key":        {"services: [{name: a, image: b, sysctl: {1: a}}]", "f.yml:1:41: services.0.sysctl: a key must be a string, not the integer 1; put it in quotes"},
		"yes":             {"services: [{name: a, image: b, readonly: yes}]", `f.yml:1:42: services.0.readonly: want true or false, not the string "yes"; write true or false without quotes`},
		"annotation":      {"services: [{name: a, image: b, annotations: {a: 1}}]", "f.yml:1:49: services.0.annotations.a: want a string, not the integer 1; ..."},
		"uid fraction":    {"services: [{name: a, image: b, uid: 1.5}]", "f.yml:1:37: services.0.uid: want a number or the name of a container, not the number 1.5"},
		"uid negative":    {"services: [{name: a, image: b, uid: -1}]", "f.yml:1:37: services.0.uid: -1 is out of range; want 0 to 4294967295"},
		"uid unknown":     {"services: [{name: a, image: b, uid: nope}]", `f.yml:1:37: services.0.uid: cannot find id "nope"; ...`},
		"uid quoted":      {`services: [{name: a, image: b, uid: "5"}]`, `f.yml:1:37: services.0.uid: cannot find id "5": no container has this name; for a number leave out the quotes`},
		"gids unknown":    {"services: [{name: a, image: b, additionalGids: [1, x]}]", "f.yml:1:52: services.0.additionalGids.1: cannot find id ..."},
		"mode unquoted":   {"services: [{name: a, image: b, devices: [{path: /dev/x, type: c, mode: 0666}]}]", `f.yml:1:72: services.0.devices.0.mode: want a string, not the integer 0666; put it in quotes: "0666"`},
		"no mode":         {"services: [{name: a, image: b, devices: [{path: /dev/x, type: c}]}]", "f.yml:1:42: services.0.devices.0: device ..."},
		"out of range":    {"services: [{name: a, image: b, resources: {blockio: {weight: 70000}}}]", "f.yml:1:62: services.0.resources.blockio.weight: 70000 is out of range; want 0 to 65535"},
		"huge number":     {"services: [{name: a, image: b, resources: {memory: {limit: 1e40}}}]", "f.yml:1:60: services.0.resources.memory.limit: want an integer, ..."},
		"lower case":      {"services: [{name: a, image: b, resources: {memory: {kerneltcp: 1}}}]", `f.yml:1:53: services.0.resources.memory.kerneltcp: unknown key ...`},
		"two spellings":   {"services: [{name: a, image: b, mounts: [{type: tmpfs, destination: /x, uidmappings: [], uidMappings: []}]}]", `f.yml:1:89: services.0.mounts.0.uidMappings: key "uidMappings" is already given ...`},
		"rmlimits":        {"services: [{name: a, image: b, rmlimits: []}]", "f.yml:1:32: services.0.rmlimits: unknown key ..."},
		"interface":       {"services: [{name: a, image: b, runtime: {interface: []}}]", "f.yml:1:42: services.0.runtime.interface: unknown key ..."},
		"duplicate":       {"services:\n- {name: a, image: b}\n- {name: a, image: c}", `f.yml:3:10: services.1.name: duplicate service "a", already at f.yml:2:3; rename one of them`},
		"name escapes":    {`services: [{name: "x/../../y", image: i}]`, `f.yml:1:19: services.0.name: invalid name "x/../../y"; ...`},
		"empty name":      {`onboot: [{name: "", image: i}]`, "f.yml:1:17: onboot.0.name: invalid name ..."},
		"empty image":     {`onboot: [{name: a, image: ""}]`, "f.yml:1:27: onboot.0.image: empty image name; ..."},
		"scheme":          {"init: [\"http://x/y\"]", "f.yml:1:8: init.0: image \"http://x/y\" has a scheme; ..."},
		"upper case":      {"init: [Foo]", "f.yml:1:8: init.0: image \"Foo\": ..."},
		"template":        {`init: ["@pkg:x"]`, "f.yml:1:8: init.0: image \"@pkg:x\": ..."},
		"volume name":     {"volumes: [{name: A}]", "f.yml:1:18: volumes.0.name: invalid volume name ..."},
		"volume unnamed":  {"volumes: [{image: a}]", "f.yml:1:11: volumes.0: missing key \"name\""},
		"volume twice":    {"volumes: [{name: a}, {name: a}]", "f.yml:1:29: volumes.1.name: duplicate volume ..."},
		"volume format":   {"volumes: [{name: a, image: b, format: tar}]", `f.yml:1:39: volumes.0.format: unknown format "tar"; want filesystem or oci`},
		"oci no image":    {"volumes: [{name: a, format: oci}]", "f.yml:1:29: volumes.0.format: format oci needs an image; ..."},
		"platform":        {"volumes: [{name: a, image: b, format: oci, platforms: [amd64]}]", `f.yml:1:56: volumes.0.platforms.0: "amd64" is no platform; ...`},
		"no volume":       {"services: [{name: a, image: b, binds: [\"nope:/x\"]}]", `f.yml:1:40: services.0.binds.0: volume not found: "nope"; ...`},
		"add no volume":   {"services: [{name: a, image: b, binds.add: [\"nope:/x\"]}]", `f.yml:1:44: services.0.binds.add.0: volume not found: "nope"; ...`},
		"mount no volume": {"services: [{name: a, image: b, mounts: [{type: bind, source: v, destination: /x}]}]", `f.yml:1:41: services.0.mounts.0: volume not found: "v"; ...`},
		"bind no source":  {"services: [{name: a, image: b, mounts: [{type: bind, destination: /x}]}]", `f.yml:1:41: services.0.mounts.0: volume not found: ""; ...`},
		"no colon":        {"services: [{name: a, image: b, binds: [/a]}]", `f.yml:1:40: services.0.binds.0: bind "/a" is not of the form ...`},
		"many colons":     {"services: [{name: a, image: b, binds: [\"/a:/b:ro:x\"]}]", "f.yml:1:40: services.0.binds.0: bind ..."},
		"only volume":     {"services: [{name: a, image: b, binds: [a]}]", "f.yml:1:40: services.0.binds.0: volume not found: \"a\"; ..."},
		"tmpfs":           {"services: [{name: a, image: b, tmpfs: [\"/a:b:c\"]}]", "f.yml:1:40: services.0.tmpfs.0: tmpfs ..."},
		"mount type":      {"services: [{name: a, image: b, mounts: [{type: foo}]}]", "f.yml:1:41: services.0.mounts.0: mount of type \"foo\": missing destination"},
		"mount source":    {"services: [{name: a, image: b, mounts: [{source: foo, destination: /x}]}]", "f.yml:1:41: services.0.mounts.0: mount of \"foo\" on \"/x\": missing type"},
		"capability":      {"services: [{name: a, image: b, capabilities: [ALL, CAP_KILL]}]", "f.yml:1:46: services.0.capabilities: unknown capability \"ALL\"; ..."},
		"capability add":  {"services: [{name: a, image: b, capabilities.add: [KILL]}]", "f.yml:1:50: services.0.capabilities.add: unknown capability ..."},
		"ambient":         {"services: [{name: a, image: b, ambient: [cap_kill]}]", "f.yml:1:41: services.0.ambient: unknown capability ..."},
		"rlimit":          {"services: [{name: a, image: b, rlimits: [\"nofile,1\"]}]", "f.yml:1:42: services.0.rlimits.0: rlimit ..."},
		"oom score":       {"services: [{name: a, image: b, oomScoreAdj: 1001}]", "f.yml:1:45: services.0.oomScoreAdj: 1001 is out of range; ..."},
		"propagation":     {"services: [{name: a, image: b, rootfsPropagation: x}]", "f.yml:1:51: services.0.rootfsPropagation: unknown propagation ..."},
		"veth":            {"services: [{name: a, image: b, runtime: {interfaces: [{name: x, add: veth}]}}]", "f.yml:1:55: services.0.runtime.interfaces.0: a veth interface needs a peer; add one"},
		"no interface":    {"services: [{name: a, image: b, runtime: {interfaces: [{add: dummy}]}}]", "f.yml:1:55: services.0.runtime.interfaces.0: missing name of the interface"},
		"runtime mount":   {"services: [{name: a, image: b, runtime: {mounts: [{type: tmpfs}]}}]", "f.yml:1:51: services.0.runtime.mounts.0: missing destination"},
		"merge cycle":     {"services: [&a {<<: *a, name: a, image: b}]", "f.yml:1:12: services.0.<<.<<: the merge key refers to the mapping it is in"},
		"merge scalar":    {"services: [{<<: 5, name: a, image: b}]", "f.yml:1:17: services.0.<<: a merge key wants a mapping or a list of mappings, not the integer 5"},
	} {
		_, err := check(c.doc)
		if err == nil {
			t.Errorf("%s: no error, want %s", name, c.want)
			continue
		}
		got := err.Error()
		if prefix, cut := strings.CutSuffix(c.want, "..."); cut && strings.HasPrefix(got, prefix) {
			continue
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestFileFaults(t *testing.T) {
	for doc, want := range map[string]string{
		`{path: x}`:                                   "f.yml:1:9: files.0: contents not specified; ...",
		`{path: "", contents: a}`:                     "f.yml:1:16: files.0.path: empty path; ...",
		`{path: "/", contents: a}`:                    "f.yml:1:16: files.0.path: empty path; ...",
		`{path: a/../../b, contents: a}`:              "f.yml:1:16: files.0.path: the path has a part \"..\"; ...",
		`{contents: a}`:                               "f.yml:1:9: files.0.path: empty path; ...",
		`{path: x, contents: a, source: b}`:           "f.yml:1:9: files.0: source cannot ...",
		`{path: x, contents: a, metadata: yaml}`:      "f.yml:1:9: files.0: metadata cannot ...",
		`{path: x, source: a, metadata: yaml}`:        "f.yml:1:9: files.0: source and metadata ...",
		`{path: x, directory: true, contents: a}`:     "f.yml:1:9: files.0: a directory has no contents; ...",
		`{path: x, symlink: a, source: b}`:            "f.yml:1:9: files.0: source cannot ...",
		`{path: x, metadata: foo}`:                    "f.yml:1:29: files.0.metadata: unknown format \"foo\"; want yaml or json",
		`{path: x, contents: a, mode: "999"}`:         "f.yml:1:38: files.0.mode: mode \"999\" ...",
		`{path: x, contents: a, mode: "0o644"}`:       "f.yml:1:38: files.0.mode: mode ...",
		`{path: x, contents: a, mode: 0644}`:          "f.yml:1:38: files.0.mode: want a string, ...",
		`{path: x, contents: a, uid: nobody}`:         "f.yml:1:37: files.0.uid: cannot find id ...",
		`{path: x, contents: 5}`:                      "f.yml:1:29: files.0.contents: want a string, ...",
		`{path: x, contents: !!binary "??"}`:          "f.yml:1:29: files.0.contents: want a string, ...",
		`{path: x, contents: !foo a}`:                 "f.yml:1:29: files.0.contents: want a string, not a value of type !foo",
		`{path: x, contents: a, optional: "true"}`:    "f.yml:1:42: files.0.optional: want true or false, ...",
		`{path: x, contents: {a: b}}`:                 "f.yml:1:29: files.0.contents: want a string, not an object",
		`{path: x, contents: [a]}`:                    "f.yml:1:29: files.0.contents: want a string, not a list",
		`{path: x, directory: !!bool maybe, mode: a}`: "f.yml:1:30: files.0.directory: want true or false, ...",
	} {
		_, err := check("files: [" + doc + "]")
		if err == nil || !strings.HasPrefix(err.Error(), strings.TrimSuffix(want, "...")) {
			t.Errorf("%s:\n got %v\nwant %s", doc, err, want)
		}
	}
}

func TestAccepted(t *testing.T) {
	for name, doc := range map[string]string{
		"empty":             "{}",
		"null":              "~",
		"explicit document": "---\ninit: [a]\n...\n",
		"version":           "%YAML 1.2\n---\ninit: [a]\n",
		"older version":     "\ufeff%YAML 1.1\n---\ninit: [a]\n",
		"nothing behind":    "init: [a]\n---\n# c\n---\n",
		"windows":           "\ufeffinit: [a]\r\nonboot:\r\n- name: x\r\n  image: y\r\n",
		"json":              "{\n\t\"init\": [\"a\"],\n\t\"services\": [{\"name\": \"a\", \"image\": \"b\", \"uid\": 5}]\n}",
		"trust":             "trust: {org: [linuxkit]}",
		"onboot twice":      "onboot: [{name: a, image: b}, {name: a, image: b}]",
		"between sections":  "onboot: [{name: a, image: b}]\nservices: [{name: a, image: b}]",
		"volumes":           "volumes: [{name: a_b-1}, {name: c, image: d, format: oci, platforms: [linux/arm64/v8]}]",
		"read-only":         "volumes: [{name: v, readonly: true}]\nservices: [{name: a, image: b, binds: [\"v:/x:ro\", \"v:/y:nosuid,ro\"], mounts: [{type: bind, source: v, destination: /z, options: [ro]}]}]",
		"devices":           "services: [{name: a, image: b, devices: [{path: all, type: b}, {path: /dev/x, type: c, mode: \"0666\"}]}]",
		"merge key":         "onboot: [&a {name: a, image: b, uid: root}]\nservices: [{<<: *a, name: c}, {<<: [{name: d}, *a]}]",
		"date":              "services: [{name: a, image: b, env: [2020-01-01], annotations: {2020-01-01: x}}]",
		"images":            "init: [a, a/b, a/b/c, \"localhost/x\", \"h:5000/a:T\", \"a:b@sha256:" + strings.Repeat("0", 64) + "\"]",
		"odd files":         "files: [{path: a, directory: true, symlink: b}, {path: a, symlink: b, contents: c}, {path: ./a//b, contents: \"\"}]",
		"float":             "services: [{name: a, image: b, uid: 1.0, oomScoreAdj: 1e2, devices: [{path: all, type: a, major: -0.0}]}]",
		"peer":              "services: [{name: a, image: b, runtime: {interfaces: [{name: x, peer: y}]}}]",
	} {
		if _, err := check(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadonlyVolume(t *testing.T) {
	for _, use := range []string{
		"binds: [\"v:/x\"]", "binds: [\"v:/x:nosuid\"]", "binds.add: [\"v:/x:rw,ro\"]",
		"mounts: [{type: bind, source: v, destination: /x}]",
		"mounts: [{type: bind, source: v, destination: /x, options: [rw, ro]}]",
	} {
		_, err := check("volumes: [{name: v, readonly: true}]\nservices: [{name: a, image: b, " + use + "}]")
		if err == nil || !strings.Contains(err.Error(), `attempt to mount read-only volume "v" read-write on /x; add the option ro`) {
			t.Errorf("%s: %v", use, err)
		}
	}
}

func TestResources(t *testing.T) {
	c, err := check(`services: [{name: a, image: b, resources: {
	  devices: [{allow: true, type: c, major: 1, access: r}],
	  memory: {limit: 100, kernelTCP: 5, disableOOMKiller: true},
	  cpu: {shares: 3, realtimeRuntime: 4, cpus: "0-1"}, pids: {},
	  blockio: {weight: 5, leafWeight: 6, weightDevice: [{major: 8, minor: 1, weight: 7}], throttleReadBpsDevice: [{major: 8, rate: 9}]},
	  hugepageLimits: [{pageSize: 2097152, limit: 3}, {pageSize: 1GB, limit: 0x10}, {pageSize: 5, limit: 1}],
	  network: {classID: 1, priorities: [{name: eth0, priority: 2}]}}}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := &Resources{
		Devices: []specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Major: ptr(int64(1)), Access: "r"}},
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(100)), KernelTCP: ptr(int64(5)), DisableOOMKiller: ptr(true)},
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(3)), RealtimeRuntime: ptr(int64(4)), Cpus: "0-1"},
		Pids:    &specs.LinuxPids{},
		BlockIO: &specs.LinuxBlockIO{
			Weight: ptr(uint16(5)), LeafWeight: ptr(uint16(6)),
			WeightDevice:          []specs.LinuxWeightDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Weight: ptr(uint16(7))}},
			ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8}, Rate: 9}},
		},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 3}, {Pagesize: "1GB", Limit: 16}, {Pagesize: "5B", Limit: 1}},
		Network:        &specs.LinuxNetwork{ClassID: ptr(uint32(1)), Priorities: []specs.LinuxInterfacePriority{{Name: "eth0", Priority: 2}}},
	}
	if diff := cmp.Diff(want, c.Services[0].Resources); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func ptr[T any](v T) *T { return &v }

func TestPositions(t *testing.T) {
	c, err := check("init:\n  - a\nservices:\n  - name: x\n    image: b\n    binds:\n      - /a:/b\n")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Services[0]
	for path, want := range map[string]string{
		"binds.0": "f.yml:7:9", "binds.7": "f.yml:7:7", "name": "f.yml:4:11", "uid": "f.yml:4:5", "": "f.yml:4:5",
	} {
		if got := s.At(path).String(); got != want {
			t.Errorf("%q is at %s, want %s", path, got, want)
		}
	}
	if got := c.Fields["init.0"]; got != (Position{"f.yml", 2, 5}) {
		t.Errorf("init.0 is at %s", got)
	}
}

func TestHostileDocuments(t *testing.T) {
	bomb := "x: &a [{name: a, image: b, env: [" + strings.Repeat("x,", 999) + "]}]\n"
	for name, doc := range map[string]string{
		"alias bomb": "services:\n- &a {name: a, image: b, env: [" + strings.Repeat("x,", 2000) + "]}\n" +
			strings.Repeat("- *a\n", 2000),
		"billion laughs":  bomb + "init: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nonboot: [*b,*b,*b,*b,*b]\n",
		"unknown keys":    "services:\n- &a {" + strings.Repeat("", 0) + manyKeys(3000) + "}\n" + strings.Repeat("- *a\n", 3000),
		"deep flow":       strings.Repeat("[", 100000),
		"deep block":      strings.Repeat("- ", 100000),
		"deep mapping":    strings.Repeat("{a: ", 20000),
		"self alias":      "init: &a [*a]",
		"merge of itself": "services: &s\n- &a {<<: [*a, *s]}\n",
		"long number":     "services: [{name: a, image: b, uid: " + strings.Repeat("9", 1<<20) + "}]",
		"huge exponent":   "services: [{name: a, image: b, uid: 1e999999999}]",
	} {
		_, err := check(doc)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if n := len(err.Error()); n > 100_000 {
			t.Errorf("%s: error of %d bytes", name, n)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/182) + ": 1, ")
	}
	return b.String()
}

func TestErrorsAreErrors(t *testing.T) {
	_, err := check("services: [{name: a, image: b, binds: [\"v:/x\"]}]")
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 || !errors.Is(err, ErrNoVolume) {
		t.Errorf("%v (%T) does not say what it is", err, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, doc := range []string{
		"{}", "~", "1: 2", "services: [{name: a, image: b, uid: 1.0, sysctl: {a: b}}]", "init: &a [*a]",
		"services: [&a {<<: *a, name: a, image: b}]", "volumes: [{name: a, format: oci}]", "files: [{path: a, contents: !!binary aGk=}]",
		"? {a: b}\n: c", "a: !!int x", "init: [!!binary \"=\"]", "---\n---\n",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode("f", data)
		if err != nil || c.Validate() != nil {
			return
		}
		checkRoundTrip(t, c)
	})
}
