package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseBind(t *testing.T) {
	for in, want := range map[string]*Mount{
		"/a:/b":            {Type: "bind", Source: "/a", Destination: "/b", Options: []string{"rw", "rbind", "rshared"}},
		"/a:/b:ro":         {Type: "bind", Source: "/a", Destination: "/b", Options: []string{"ro", "rbind"}},
		"/a:/b:":           {Type: "bind", Source: "/a", Destination: "/b", Options: []string{"", "rbind"}},
		"/a:/b:rshared,ro": {Type: "bind", Source: "/a", Destination: "/b", Options: []string{"rshared", "ro", "rbind"}},
		"vol:/b":           {Type: "bind", Source: "vol", Destination: "/b", Options: []string{"rw", "rbind", "rshared"}},
		"/a":               nil,
		"/a:":              nil,
		"/a:/b:ro:x":       nil,
		"":                 nil,
	} {
		checkMount(t, in, want, func() (Mount, error) { return ParseBind(in) })
	}
}

func TestParseTmpfs(t *testing.T) {
	for in, want := range map[string]*Mount{
		"/q":                {Type: "tmpfs", Source: "tmpfs", Destination: "/q"},
		"/t:size=1m,nosuid": {Type: "tmpfs", Source: "tmpfs", Destination: "/t", Options: []string{"size=1m", "nosuid"}},
		"/a:b:c":            nil,
		"":                  nil,
	} {
		checkMount(t, in, want, func() (Mount, error) { return ParseTmpfs(in) })
	}
}

func TestCompleteMount(t *testing.T) {
	for name, c := range map[string]struct {
		in   Mount
		want *Mount
	}{
		"source":      {Mount{Source: "mqueue"}, &Mount{Type: "mqueue", Source: "mqueue", Destination: "/dev/mqueue"}},
		"type":        {Mount{Type: "cgroup", Options: []string{"rw"}}, &Mount{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"rw"}}},
		"dev":         {Mount{Destination: "/dev", Options: []string{"ro"}}, &Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/dev", Options: []string{"ro"}}},
		"relative":    {Mount{Type: "tmpfs", Destination: "x"}, &Mount{Type: "tmpfs", Source: "tmpfs", Destination: "x"}},
		"no type":     {Mount{Source: "foo", Destination: "/x"}, nil},
		"no place":    {Mount{Type: "foo"}, nil},
		"dev as type": {Mount{Type: "dev"}, nil},
	} {
		checkMount(t, name, c.want, func() (Mount, error) { return CompleteMount(c.in) })
	}
}

func checkMount(t *testing.T, name string, want *Mount, parse func() (Mount, error)) {
	t.Helper()
	got, err := parse()
	if want == nil {
		if err == nil {
			t.Errorf("%q: no error, got %+v", name, got)
		}
		return
	}
	if err != nil {
		t.Errorf("%q: %v", name, err)
	} else if diff := cmp.Diff(*want, got); diff != "" {
		t.Errorf("%q (-want +got):\n%s", name, diff)
	}
}

func TestParseRlimit(t *testing.T) {
	for in, want := range map[string]*specs.POSIXRlimit{
		" RLIMIT_nofile , Unlimited,2 ": {Type: "RLIMIT_NOFILE", Soft: Unlimited, Hard: 2},
		"nproc,5,unlimited":             {Type: "RLIMIT_NPROC", Soft: 5, Hard: Unlimited},
		"nofile,1":                      nil,
		"foo,1,2":                       nil,
		"nofile,-1,2":                   nil,
		"nofile,1,18446744073709551616": nil,
	} {
		got, err := ParseRlimit(in)
		switch {
		case want == nil && err == nil:
			t.Errorf("%q: no error, got %+v", in, got)
		case want != nil && (err != nil || got != *want):
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, *want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	all, err := Capabilities([]string{"All"})
	if err != nil || len(all) != 41 || all[0] != "CAP_CHOWN" || all[40] != "CAP_CHECKPOINT_RESTORE" {
		t.Errorf("all: %v, %v", all, err)
	}
	if none, err := Capabilities([]string{"None"}); err != nil || len(none) != 0 {
		t.Errorf("none: %v, %v", none, err)
	}
	for _, bad := range [][]string{{"ALL", "CAP_KILL"}, {"KILL"}, {"cap_kill"}, {""}} {
		if got, err := Capabilities(bad); err == nil {
			t.Errorf("%v: no error, got %v", bad, got)
		}
	}
}

func TestParseDevice(t *testing.T) {
	node, rule, err := ParseDevice(Device{Path: "all", Type: "b", Major: 7})
	if err != nil || node != nil || rule.Major != nil || !rule.Allow || rule.Access != "rwm" {
		t.Errorf("all: %+v, %+v, %v", node, rule, err)
	}
	node, rule, err = ParseDevice(Device{Path: "/dev/x", Type: "c", Major: 1, Minor: 2, Mode: "0666"})
	if err != nil || *node.FileMode != 438 || *rule.Major != 1 || *rule.Minor != 2 {
		t.Errorf("node: %+v, %+v, %v", node, rule, err)
	}
	for _, mode := range []string{"", "999", "0o644", "-1", "17777", " 7"} {
		if _, _, err := ParseDevice(Device{Path: "/dev/x", Type: "c", Mode: mode}); err == nil {
			t.Errorf("mode %q: no error", mode)
		}
	}
}

func FuzzParseBind(f *testing.F) {
	f.Add("/a:/b:ro")
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := ParseBind(s); err == nil && (m.Destination == "" || len(m.Options) == 0) {
			t.Errorf("%q gives %+v", s, m)
		}
	})
}

func FuzzParseRlimit(f *testing.F) {
	f.Add("nofile,1,2")
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := ParseRlimit(s); err == nil && l.Type == "" {
			t.Errorf("%q gives %+v", s, l)
		}
	})
}
