package modules

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"virtio:d00000001v*", "virtio:d00000001v00001AF4", true},
		{"virtio:d00000001v*", "virtio:d00000002v00001AF4", false},
		{"pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", true},
		{"usb:v0403p[0-9A-F]*", "usb:v0403pA0", true},
		{"usb:v0403p[!A]*", "usb:v0403pA0", false},
		{"usb:v0403p[^B]*", "usb:v0403pA0", true},
		{"acpi*:PNP0C0C:*", "acpi:PNP0C0C:", true},
		{"net-pf-17", "net_pf_17", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a**b", "ab", true},
		{"a*b*c", "aXbYbZc", true},
		{"[]]x", "]x", true},
		{"[ab", "a", false},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{"[", "[", false},
	} {
		if got := match([]byte(c.pattern), c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

// FuzzMatch compares with the standard library where both mean the same.
func FuzzMatch(f *testing.F) {
	f.Add("virtio:d*v[0-9]", "virtio:d1v2")
	f.Add("a*?b", "axxb")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got := match([]byte(pattern), canonical(name))
		if strings.ContainsAny(pattern+name, `-_/\[]^!`) || !ascii(pattern+name) {
			return
		}
		want, err := path.Match(pattern, name)
		if err == nil && got != want {
			t.Fatalf("match(%q, %q) = %v", pattern, name, got)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FuzzScan checks that the quick way to look aliases up finds what comparing all
// with all finds.
func FuzzScan(f *testing.F) {
	f.Add("pci:v1*", "pci:v-", "pci:v1d2", "usb:1")
	f.Fuzz(func(t *testing.T, p1, p2, a1, a2 string) {
		patterns, aliases := []string{p1, p2}, []string{a1, a2}
		w := want(aliases)
		for i, p := range patterns {
			w.add([]byte(p), []byte{"xy"[i]})
		}
		for _, a := range aliases {
			var slow []string
			for i, p := range patterns {
				if match([]byte(p), canonical(a)) {
					slow = append(slow, "xy"[i:i+1])
				}
			}
			if got := w.found[canonical(a)]; !reflect.DeepEqual(got, slow) {
				t.Fatalf("%q in %q: %v, want %v", a, patterns, got, slow)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("softdep a pre: b post: c\nalias x* y\noptions z q=1 \\\n r=2\n", "kernel/a.ko.xz: kernel/b.ko\n")
	f.Fuzz(func(t *testing.T, text, dep string) {
		newConf().parse(text)
		x := indexDep([]byte(dep))
		for name := range x {
			if files := x.files(name); len(files) == 0 || nameOf(files[len(files)-1]) != name {
				t.Fatalf("files of %q: %q", name, files)
			}
		}
	})
}

// tree makes a root with modules and returns it with a record of what is loaded.
func tree(t *testing.T, words ...string) (*DB, *[]string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"lib/modules/6.1/modules.dep": "kernel/net/failover.ko.xz:\n" +
			"kernel/net/net_failover.ko.xz: kernel/net/failover.ko.xz\n" +
			"kernel/net/virtio_net.ko.xz: kernel/net/net_failover.ko.xz kernel/net/failover.ko.xz\n" +
			"kernel/fs/vfat.ko:\nkernel/fs/nls-ascii.ko:\nkernel/bad.ko:\nkernel/needs_bad.ko: kernel/bad.ko\nkernel/nouveau.ko:\nkernel/new.ko:\nkernel/live.ko:\n" +
			"kernel/round.ko:\nkernel/about.ko:\n",
		"lib/modules/6.1/modules.alias": "# Aliases\nalias virtio:d00000001v* virtio_net\nalias fs-vfat vfat\n" +
			"alias pci:v000010DE* nouveau\nalias pci:v000010DE*bc03* new\nalias short\nalias net-pf-9 gone\n",
		"lib/modules/6.1/modules.softdep": "softdep vfat pre: nls_ascii missing\nsoftdep round post: about\nsoftdep about post: round\n",
		"lib/modules/6.1/modules.builtin": "kernel/drivers/tty/built-in-one.ko\n",
		"etc/modprobe.d/a.conf":           "# c\nblacklist nouveau\noptions virtio-net \\\n  napi=0\nalias mine vfat\n",
		"lib/modprobe.d/a.conf":           "blacklist vfat\n",
		"sys/module/live/initstate":       "live\n",
		"etc/modules-load.d/x.conf":       "# c\nvfat\n\n; d\n live \n",
		"usr/lib/modules-load.d/x.conf":   "hidden\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var loaded []string
	d := open(root, "6.1", words)
	d.insert = func(file, params string) error {
		if nameOf(file) == "bad" {
			return unix.EINVAL
		}
		loaded = append(loaded, strings.TrimSpace(nameOf(file)+" "+params))
		return nil
	}
	return d, &loaded
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		want  []string
		fails bool
	}{
		{name: "virtio-net", want: []string{"failover", "net_failover", "virtio_net napi=0"}},
		{name: "virtio:d00000001v00001AF4", words: []string{"quiet", "virtio_net.x=2", "init=/x.y"},
			want: []string{"failover", "net_failover", "virtio_net napi=0 x=2"}},
		{name: "fs-vfat", want: []string{"nls_ascii", "vfat"}},
		{name: "mine", want: []string{"nls_ascii", "vfat"}},
		{name: "fs-vfat", words: []string{"modprobe.blacklist=a,vfat"}, fails: true},
		{name: "nouveau", want: []string{"nouveau"}}, // by its own name it may
		{name: "pci:v000010DEd1bc03", want: []string{"new"}},
		{name: "live"},
		{name: "built_in_one"},
		{name: "round", want: []string{"round", "about"}},
		{name: "needs_bad", fails: true},
		{name: "net-pf-9", fails: true},
		{name: "unheard-of", fails: true},
		{name: "", fails: true},
		{name: "../../etc/passwd", fails: true},
	} {
		d, loaded := tree(t, c.words...)
		err := d.Probe(c.name)
		if (err != nil) != c.fails {
			t.Errorf("%s: error %v", c.name, err)
		}
		if len(*loaded)+len(c.want) > 0 && !reflect.DeepEqual(*loaded, c.want) {
			t.Errorf("%s: loaded %q, want %q", c.name, *loaded, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	d, _ := tree(t)
	if err := d.Probe("unheard-of"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if err := d.LoadAll([]string{"bad", "vfat"}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("error %v, want that of the kernel", err)
	}
	d.insert = func(string, string) error { return unix.ENODEV }
	if err := d.LoadAll([]string{"new"}); err != nil {
		t.Errorf("a driver without a device is an error: %v", err)
	}
}

func TestFindKeepsTheOrderOfDevices(t *testing.T) {
	d, _ := tree(t)
	got := d.Find([]string{"fs-vfat", "none", "virtio:d00000001v1", "fs-vfat"})
	if !reflect.DeepEqual(got, []string{"vfat", "virtio_net"}) {
		t.Errorf("found %v", got)
	}
	if file := d.File("virtio-net"); file != "kernel/net/virtio_net.ko.xz" {
		t.Errorf("file %q", file)
	}
}

func TestListed(t *testing.T) {
	d, _ := tree(t)
	if got := Listed(d.root); !reflect.DeepEqual(got, []string{"vfat", "live"}) {
		t.Errorf("listed %q", got)
	}
}

func TestDevices(t *testing.T) {
	sys := t.TempDir()
	for file, text := range map[string]string{
		"bus/pci/devices/0/modalias":  "pci:v1\n",
		"bus/pci/devices/1/other":     "",
		"bus/acpi/devices/x/modalias": "acpi:PNP:\n",
		"bus/acpi/devices/y/modalias": "\n",
	} {
		file = filepath.Join(sys, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := Devices(sys); !reflect.DeepEqual(got, []string{"acpi:PNP:", "pci:v1"}) {
		t.Errorf("devices %q", got)
	}
}
