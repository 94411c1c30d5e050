package setup

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestHostname(t *testing.T) {
	for _, c := range []struct{ file, mac, current, want string }{
		{"foo\n", "02:00:00:00:00:01\n", "(none)", "foo"},
		{"foo\n", "", "other", "foo"},
		{" \n", "02:00:00:00:00:01\n", "(none)", "linuxkit-020000000001"},
		{"", "02:00:00:00:00:01\n", "", "linuxkit-020000000001"},
		{"", "02:00:00:00:00:01\n", "set", ""},
		{"", "", "(none)", ""},
	} {
		root := t.TempDir()
		if c.file != "" {
			write(t, filepath.Join(root, "etc/hostname"), c.file, 0o644)
		}
		if c.mac != "" {
			write(t, filepath.Join(root, "sys/class/net/eth0/address"), c.mac, 0o444)
		}
		if got := hostname(root, c.current); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestResolvConf(t *testing.T) {
	for _, target := range []string{"run/a/resolv.conf", ""} {
		dir := t.TempDir()
		link := filepath.Join(dir, "resolv.conf")
		if target == "" {
			target = filepath.Join(dir, "absolute/resolv.conf")
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if err := ResolvConf(link); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(link)
		if err != nil || info.Size() != 0 || info.Mode() != 0o644 {
			t.Fatalf("%s: %v %v", target, info, err)
		}
		write(t, link, "nameserver x", 0o644)
		if err := ResolvConf(link); err != nil {
			t.Fatal(err)
		}
		if text, _ := os.ReadFile(link); string(text) != "nameserver x" {
			t.Errorf("a file that exists was written over: %q", text)
		}
	}
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := ResolvConf(file); err != nil {
		t.Errorf("a missing link is an error: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file was made where no link was")
	}
}

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	d := filepath.Join(dir, "init.d")
	write(t, filepath.Join(dir, "real"), "", 0o755)
	write(t, filepath.Join(d, "020-b"), "", 0o755)
	write(t, filepath.Join(d, "010-not-executable"), "", 0o644)
	write(t, filepath.Join(d, "000-dir", "file"), "", 0o755)
	for name, target := range map[string]string{"015-link": "../real", "016-dangling": "nowhere", "017-to-dir": "000-dir"} {
		if err := os.Symlink(target, filepath.Join(d, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(d, "012-fifo"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Programs(d)
	want := []string{d + "/010-not-executable", d + "/015-link", d + "/020-b"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("programs %q, %v; want %q", got, err, want)
	}
	if got, err := Programs(filepath.Join(dir, "missing")); err == nil || got != nil {
		t.Errorf("missing directory: %q, %v", got, err)
	}
}

func TestInstant(t *testing.T) {
	got := instant(&unix.RTCTime{Year: 126, Mon: 1, Mday: 28, Hour: 23, Min: 59, Sec: 58})
	if want := time.Date(2026, time.February, 28, 23, 59, 58, 0, time.UTC); !got.Equal(want) {
		t.Errorf("instant %s, want %s", got, want)
	}
}
