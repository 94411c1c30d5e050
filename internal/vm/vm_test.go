package vm

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseDisk(t *testing.T) {
	for _, c := range []struct {
		spec string
		want Disk
		err  string
	}{
		{spec: "size=1", want: Disk{SizeMB: 1024}},
		{spec: "size=1G", want: Disk{SizeMB: 1024}},
		{spec: "size=100M,format=raw", want: Disk{SizeMB: 100, Format: "raw"}},
		{spec: "d.img", want: Disk{Path: "d.img"}},
		{spec: "a,file=b,size=512M", want: Disk{Path: "b", SizeMB: 512}},
		{spec: "file=a=b,,c", want: Disk{Path: "a=b,c"}},
		{spec: "", err: "no size or name"},
		{spec: "size=0", err: "no size or name"},
		{spec: "size=", err: "no size or name"},
		{spec: "foo,size=1X", err: "invalid size"},
		{spec: "size=1K", err: "invalid size"},
		{spec: "size=1g", err: "invalid size"},
		{spec: "size=1.5G", err: "invalid size"},
		{spec: "size=-5M", err: "invalid size"},
		{spec: "size=9223372036854775807", err: "invalid size"},
		{spec: "size=G", err: "invalid size"},
		{spec: "colour=red", err: `unknown key "colour"`},
		{spec: "x,format=raw:evil", err: "invalid format"},
	} {
		got, err := ParseDisk(c.spec)
		checkErr(t, c.spec, err, c.err)
		if c.err == "" && got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.spec, got, c.want)
		}
	}
}

// checkErr compares an error with a part of its text; none is the empty text.
func checkErr(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%q: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%q: got error %v, want %q", what, err, want)
	}
}

func TestParsePublish(t *testing.T) {
	for _, c := range []struct {
		spec string
		want Publish
		err  string
	}{
		{spec: "2222:22", want: Publish{Proto: "tcp", Host: 2222, Guest: 22}},
		{spec: "53:53/UDP", want: Publish{Proto: "udp", Host: 53, Guest: 53}},
		{spec: " 1:65535/ tcp ", want: Publish{Proto: "tcp", Host: 1, Guest: 65535}},
		{spec: "127.0.0.1:80:81", want: Publish{Proto: "tcp", Address: netip.MustParseAddr("127.0.0.1"), Host: 80, Guest: 81}},
		{spec: "[::1]:80:81", err: "invalid address"},
		{spec: "80", err: "missing"},
		{spec: "", err: "missing"},
		{spec: "0:80", err: "invalid port"},
		{spec: "70000:80", err: "invalid port"},
		{spec: "80:0", err: "invalid port"},
		{spec: "a:b", err: "invalid port"},
		{spec: "8080:80:99", err: "invalid address"},
		{spec: "::1:80:81", err: "invalid address"},
		{spec: "80:80/sctp", err: "unknown protocol"},
		{spec: "80:80/", err: "unknown protocol"},
	} {
		got, err := ParsePublish(c.spec)
		checkErr(t, c.spec, err, c.err)
		if c.err == "" && got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.spec, got, c.want)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for _, c := range []struct {
		spec string
		want Network
		err  string
	}{
		{spec: "", want: Network{Mode: NetUser}},
		{spec: "default", want: Network{Mode: NetUser}},
		{spec: "user,x", want: Network{Mode: NetUser}},
		{spec: "none", want: Network{Mode: NetNone}},
		{spec: "tap,tap0", want: Network{Mode: NetTap, Interface: "tap0"}},
		{spec: "bridge,br0", want: Network{Mode: NetBridge, Interface: "br0"}},
		{spec: "tap", err: "name the interface"},
		{spec: "bridge,", err: "name the interface"},
		{spec: "tap,tap0,script=/x", err: "name the interface"},
		{spec: "foo", err: "invalid mode"},
	} {
		got, err := ParseNetwork(c.spec)
		checkErr(t, c.spec, err, c.err)
		if c.err == "" && got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.spec, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a,size=1G", "127.0.0.1:80:80/udp", "tap,tap0", "[::1]:1:2", "size=100M,format=raw"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDisk(s); err == nil && (d.SizeMB < 0 || d.Path == "" && d.SizeMB == 0) {
			t.Errorf("disk %q: %+v", s, d)
		}
		if p, err := ParsePublish(s); err == nil && (p.Host == 0 || p.Guest == 0 || p.Proto == "") {
			t.Errorf("published port %q: %+v", s, p)
		}
		if n, err := ParseNetwork(s); err == nil && strings.Contains(n.Interface, ",") {
			t.Errorf("network %q: %+v", s, n)
		}
	})
}

func touch(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, path string
		files      string
		want       Boot
		boot       Boot
		initrd     string
		prefix     string
		err        string
	}{
		{name: "kernel", path: "p", files: "p-kernel p-initrd.img p-cmdline", boot: BootKernel, initrd: "p-initrd.img"},
		{name: "squashfs", path: "p", files: "p-kernel p-squashfs.img p-cmdline", boot: BootSquashfs},
		{name: "erofs", path: "p", files: "p-kernel p-erofs.img p-cmdline", boot: BootErofs},
		{name: "squashfs by modules", path: "p", files: "p-kernel p-squashfs.img p-squashfs-initrd.img p-cmdline", boot: BootSquashfs, initrd: "p-squashfs-initrd.img"},
		{name: "erofs by modules", path: "p", files: "p-kernel p-erofs.img p-erofs-initrd.img p-cmdline", boot: BootErofs, initrd: "p-erofs-initrd.img"},
		{name: "kernel wins over a file", path: "p", files: "p p-kernel p-initrd.img p-cmdline", boot: BootKernel, initrd: "p-initrd.img"},
		{name: "kernel wins over a directory", path: "p", files: "p/x p-kernel p-initrd.img p-cmdline", boot: BootKernel, initrd: "p-initrd.img"},
		{name: "asked for", path: "p", files: "p-kernel p-initrd.img p-squashfs.img p-cmdline", want: BootSquashfs, boot: BootSquashfs},
		{name: "no initrd", path: "p", files: "p-kernel p-cmdline", err: "p-initrd.img does not exist"},
		{name: "no command line", path: "p", files: "p-kernel p-initrd.img", err: "p-cmdline does not exist"},
		{name: "iso", path: "x.iso", files: "x.iso", boot: BootISO, prefix: "x"},
		{name: "iso without suffix", path: "y", files: "y", want: BootISO, boot: BootISO},
		{name: "disk", path: "d.qcow2", files: "d.qcow2", boot: BootDisk},
		{name: "missing", path: "missing", err: "missing does not exist"},
		{name: "directory", path: "d", files: "d/x", err: "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, f := range strings.Fields(c.files) {
				os.MkdirAll(filepath.Dir(f), 0o755)
				touch(t, ".", f)
			}
			img, err := Detect(c.path, c.want)
			checkErr(t, c.path, err, c.err)
			if c.err != "" {
				if !errors.Is(err, ErrNoImage) {
					t.Errorf("not ErrNoImage: %v", err)
				}
				return
			}
			if c.prefix == "" {
				c.prefix = c.path
			}
			if img.Boot != c.boot || img.Prefix != c.prefix || img.Initrd() != c.initrd {
				t.Errorf("got %+v and initrd %q, want %s with prefix %s and %q", img, img.Initrd(), c.boot, c.prefix, c.initrd)
			}
		})
	}
}

func TestStateKeepsTheAddress(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	first := openMAC(t, dir)
	if first[0] == 0 || first[1] == 0 {
		t.Fatalf("address %q", first)
	}
	if second := openMAC(t, dir); second != first {
		t.Errorf("address changed from %s to %s", first, second)
	}
}

func openMAC(t *testing.T, dir string) string {
	t.Helper()
	s, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mac, err := s.MAC(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if mac[0]&1 != 0 || mac[0]&2 == 0 {
		t.Errorf("%s is not a local unicast address", mac)
	}
	return mac.String()
}

func TestStateErrors(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("second use: got %v, want ErrInUse", err)
	}
	os.WriteFile(s.Path("mac-addr"), []byte("zz"), 0o644)
	_, err = s.MAC(t.Context())
	checkErr(t, "corrupt address", err, "remove the file")
	s.Close()
	again, err := OpenState(dir)
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	again.Close()
}

func TestWriteDataLeavesNoTail(t *testing.T) {
	s, err := OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sizes := map[int]int64{}
	for _, n := range []int{1, 10 << 10} {
		sizes[n] = dataSize(t, s, n)
	}
	if got := dataSize(t, s, 1); got != sizes[1] || got >= sizes[10<<10] {
		t.Errorf("sizes %v, then %d", sizes, got)
	}
}

func dataSize(t *testing.T, s *State, n int) int64 {
	t.Helper()
	path, err := s.WriteData(t.Context(), make([]byte, n))
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}

// TestLargeSizes takes what an int holds on this system, and nothing else.
func TestLargeSizes(t *testing.T) {
	if got, err := ParseSizeMB("4294967296G"); err == nil && uint64(got) != maxSizeMB || err != nil && math.MaxInt > maxSizeMB {
		t.Errorf("4 EiB: %d MiB, %v", got, err)
	}
	if got, err := ParseSizeMB("4294967297G"); err == nil {
		t.Errorf("more than 4 EiB: %d MiB", got)
	}
}
