package bundle

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/rtnl"
)

const full = `{
    "cgroups": ["a", "b/c"],
    "mounts": [
        {"destination": "/containers/onboot/000-x/tmp", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "data", "type": "ext4", "source": "/dev/vda1", "options": ["ro", "noatime"]}
    ],
    "mkdir": ["/var/lib/x", "y"],
    "interfaces": [{"name": "wg0", "add": "wireguard", "createInRoot": true}],
    "bindNS": {"cgroup": "", "ipc": "", "mnt": "", "net": "/run/netns/wg0", "pid": "", "user": "", "uts": ""},
    "namespace": "other"
}`

func TestParse(t *testing.T) {
	rt, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := &Runtime{
		Cgroups: []string{"a", "b/c"},
		Mounts: []Mount{
			{Destination: "/containers/onboot/000-x/tmp", Type: "tmpfs", Source: "tmpfs"},
			{Destination: "data", Type: "ext4", Source: "/dev/vda1", Options: []string{"ro", "noatime"}},
		},
		Mkdir:      []string{"/var/lib/x", "y"},
		Interfaces: []Interface{{Name: "wg0", Add: "wireguard", CreateInRoot: true}},
		BindNS:     Namespaces{Net: "/run/netns/wg0"},
		Namespace:  "other",
	}
	if !reflect.DeepEqual(rt, want) {
		t.Errorf("got %+v", rt)
	}
	if !rt.NeedsProcess() {
		t.Error("interfaces and namespaces need a process")
	}
	for _, bad := range []string{"", "{", `{"mounts": {}}`, `{"mkdir": "x"}`, `{"mounts": [{"options": "ro"}]}`, `[]`} {
		if _, err := Parse([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNeedsProcess(t *testing.T) {
	for _, raw := range []string{`{}`, `{"bindNS": {"net": ""}, "interfaces": []}`, `{"mounts": [{}], "mkdir": ["x"]}`} {
		if rt, err := Parse([]byte(raw)); err != nil || rt.NeedsProcess() {
			t.Errorf("%s needs a process, error %v", raw, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	rt, err := Load(dir)
	if err != nil || !reflect.DeepEqual(rt, &Runtime{}) {
		t.Errorf("without a file: %+v, %v", rt, err)
	}
	path := filepath.Join(dir, "runtime.json")
	if err := os.WriteFile(path, []byte(full), 0o644); err != nil {
		t.Fatal(err)
	}
	if rt, err = Load(dir); err != nil || rt.Namespace != "other" {
		t.Errorf("got %+v, %v", rt, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(dir); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), path) {
		t.Errorf("malformed: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"mounts":[{"options":["remount","private","upperdir=/x"]}],"interfaces":[{"peer":"x"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rt, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		for _, m := range rt.Mounts {
			base, path := within("/b/rootfs", m.Destination)
			if base != "/" && base != "/b/rootfs" {
				t.Fatalf("%q is resolved in %q as %q", m.Destination, base, path)
			}
			for _, c := range m.calls(parseOptions(m.Options)) {
				const propagation = unix.MS_PRIVATE | unix.MS_SHARED | unix.MS_SLAVE | unix.MS_UNBINDABLE
				if c.flags&propagation != 0 && c.flags&^(propagation|unix.MS_REC) != 0 {
					t.Fatalf("propagation together with other flags: %#x", c.flags)
				}
			}
		}
		for _, i := range rt.Interfaces {
			if link, _, err := i.plan(7); err == nil && i.Name == "" {
				t.Fatalf("device without a name: %+v", link)
			}
		}
	})
}

func TestCalls(t *testing.T) {
	tmpfs := Mount{Type: "tmpfs", Source: "tmpfs"}
	none := Mount{}
	bind := Mount{Source: "/a"}
	for words, want := range map[string]struct {
		m     Mount
		calls []call
	}{
		"nosuid,nodev,size=1m,mode=755": {tmpfs, []call{{"tmpfs", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "size=1m,mode=755"}}},
		"defaults":                      {tmpfs, []call{{"tmpfs", "tmpfs", 0, ""}}},
		"ro,rw,nosuid,suid,noexec,exec": {tmpfs, []call{{"tmpfs", "tmpfs", 0, ""}}},
		"shared,ro":                     {tmpfs, []call{{"tmpfs", "tmpfs", unix.MS_RDONLY, ""}, {"", "", unix.MS_SHARED, ""}}},
		"remount,private":               {none, []call{{"", "", unix.MS_PRIVATE, ""}}},
		"rslave":                        {none, []call{{"", "", unix.MS_SLAVE | unix.MS_REC, ""}}},
		"remount,ro":                    {none, []call{{"", "", unix.MS_REMOUNT | unix.MS_RDONLY, ""}}},
		"bind":                          {bind, []call{{"/a", "", unix.MS_BIND, ""}}},
		"rbind,ro,rshared": {bind, []call{
			{"/a", "", unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY, ""},
			{"", "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY, ""},
			{"", "", unix.MS_SHARED | unix.MS_REC, ""},
		}},
		"remount,bind,ro": {none, []call{{"", "", unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY, ""}}},
	} {
		if got := want.m.calls(parseOptions(strings.Split(words, ","))); !reflect.DeepEqual(got, want.calls) {
			t.Errorf("%s: got %#v", words, got)
		}
	}
}

// The words of section 9.3 of the contract, and their recursive siblings.
func TestEveryWordIsKnown(t *testing.T) {
	words := "async atime bind defaults dev diratime dirsync exec mand noatime nodev nodiratime noexec nomand norelatime " +
		"nostrictatime nosuid private rbind relatime remount ro rw shared slave strictatime suid sync unbindable " +
		"rprivate rshared rslave runbindable"
	for _, word := range strings.Fields(words) {
		if o := parseOptions([]string{word}); o.data != "" {
			t.Errorf("%s goes to the file system", word)
		}
	}
	if o := parseOptions([]string{"upperdir=/u", "workdir=/w", "lowerdir=/l"}); o.data != "upperdir=/u,workdir=/w,lowerdir=/l" || !reflect.DeepEqual(o.dirs, []string{"/u", "/w"}) {
		t.Errorf("overlay options: %+v", o)
	}
}

func TestWithin(t *testing.T) {
	const root = "/containers/onboot/000-x/rootfs"
	for path, want := range map[string][2]string{
		"etc":                 {root, "etc"},
		"../../..":            {root, "../../.."},
		"":                    {root, ""},
		"/etc":                {"/", "/etc"},
		root:                  {"/", root},
		root + "/a":           {root, "a"},
		root + "/../x":        {"/", "/containers/onboot/000-x/x"},
		root + "x/a":          {"/", root + "x/a"},
		"/run//./" + "../run": {"/", "/run"},
	} {
		if base, rest := within(root, path); base != want[0] || rest != want[1] {
			t.Errorf("%q: %q, %q", path, base, rest)
		}
	}
}

// An image may hold any links; what is made for it stays within its root.
func TestMkdirStaysInRoot(t *testing.T) {
	outside := t.TempDir()
	root := t.TempDir()
	for name, to := range map[string]string{"abs": outside, "up": "../../../../../../../.." + outside, "chain": "abs", "lib": "usr/lib"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"usr/lib", outside, "plain"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"abs/x", "up/x", "chain/y", "../../x", "lib/z", "a/b/c", "/plain/d", "."} {
		target, err := mkdirIn(root, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		real, err := os.Readlink(target.path())
		if err != nil || !strings.HasPrefix(real+"/", root+"/") {
			t.Errorf("%s is made at %s, %v", path, real, err)
		}
		target.close()
	}
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("made outside of the root: %v", entries)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/lib/z")); err != nil {
		t.Errorf("links within the root are followed: %v", err)
	}
	file, err := createIn(root, "chain/new/file")
	if err != nil {
		t.Fatal(err)
	}
	file.close()
	if info, err := os.Stat(filepath.Join(root, outside, "new/file")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("file: %v, %v", info, err)
	}
	if err := os.Symlink("loop", filepath.Join(root, "loop")); err != nil {
		t.Fatal(err)
	}
	if _, err := mkdirIn(root, "loop/x"); err == nil {
		t.Error("a loop of links is followed")
	}
}

func TestMakeCgroup(t *testing.T) {
	v1 := t.TempDir()
	for _, c := range []string{"cpu", "memory"} {
		if err := os.Mkdir(filepath.Join(v1, c), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	v2 := t.TempDir()
	if err := os.WriteFile(filepath.Join(v2, "cgroup.controllers"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for base, made := range map[string][]string{v1: {"cpu/a/b", "memory/a/b"}, v2: {"a/b"}} {
		if err := makeCgroup(base, "a/b"); err != nil {
			t.Error(err)
		}
		for _, path := range made {
			if info, err := os.Stat(filepath.Join(base, path)); err != nil || !info.IsDir() {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if err := makeCgroup(filepath.Join(v1, "none"), "x"); err == nil {
		t.Error("no control groups and no error")
	}
}

// fakeLinks records what is asked of the kernel.
type fakeLinks struct{ done []string }

func (f *fakeLinks) Create(l rtnl.Link) error {
	f.done = append(f.done, strings.TrimSpace("create "+l.Kind+" "+l.Name+" "+l.Peer))
	if l.PID != 0 {
		f.done = append(f.done, "inside")
	}
	return nil
}

func (f *fakeLinks) Move(name string, _ int) error {
	f.done = append(f.done, "move "+name)
	return nil
}

func TestInterfaces(t *testing.T) {
	for _, c := range []struct {
		i    Interface
		want string // "" for an error
	}{
		{Interface{Name: "eth1"}, "move eth1"},
		{Interface{Name: "d0", Add: "dummy"}, "create dummy d0, inside"},
		{Interface{Name: "wg0", Add: "wireguard", CreateInRoot: true}, "create wireguard wg0, move wg0"},
		{Interface{Name: "a", Peer: "b"}, "create veth a b, move a"},
		{Interface{Name: "a", Add: "veth", Peer: "b"}, "create veth a b, move a"},
		{Interface{Name: "a", Add: "veth"}, ""},
		{Interface{Name: "a", Add: "veth", CreateInRoot: true}, ""},
		{Interface{}, ""},
		{Interface{Add: "dummy"}, ""},
	} {
		var f fakeLinks
		var log bytes.Buffer
		err := c.i.give(&f, 42, &log)
		if got := strings.Join(f.done, ", "); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c.i, got, err)
		}
	}
}

func TestNamespaceOrder(t *testing.T) {
	all := Namespaces{Cgroup: "1", IPC: "2", Mnt: "3", Net: "4", PID: "5", User: "6", UTS: "7"}
	var got strings.Builder
	for _, b := range all.list() {
		got.WriteString(b.kind + b.path + " ")
	}
	if got.String() != "cgroup1 ipc2 mnt3 net4 pid5 user6 uts7 " {
		t.Error(got.String())
	}
}
