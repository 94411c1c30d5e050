package syslinux

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fat"
)

// program returns the bytes of the installer.
func program(t *testing.T) []byte {
	t.Helper()
	name, err := exec.LookPath("syslinux")
	if err != nil {
		t.Skip("needs syslinux (Debian package syslinux, amd64)")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, fs *fat.FS) string {
	t.Helper()
	im, err := fs.Image()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := im.WriteFile(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// TestSameAsInstaller lets the installer work on an image and wants the same bytes.
func TestSameAsInstaller(t *testing.T) {
	l, err := Extract(program(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("mcopy"); err != nil {
		t.Skip("needs mtools")
	}
	for _, opts := range []fat.Options{{Size: 20 << 20}, {Size: 40 << 20}, {Size: 300 << 20}} {
		empty, err := fat.New(nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		image := write(t, empty)
		run(t, "syslinux", "--install", image)
		got, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		run(t, "mcopy", "-n", "-i", image, "::"+SysName, "::"+CoreName, dir)
		a, err := parse(l.sys)
		if err != nil {
			t.Fatal(err)
		}
		boot, sys, err := l.Place(int64(le.Uint32(got[a.low:])))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(boot[90:], got[90:512]) || !bytes.Equal(boot[:3], got[:3]) {
			t.Error("boot sector differs")
		}
		same(t, filepath.Join(dir, SysName), sys)
		same(t, filepath.Join(dir, CoreName), l.core)
	}
}

func same(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs: %d bytes, want %d, %v", filepath.Base(name), len(got), len(want), err)
	}
}

func TestInstall(t *testing.T) {
	l, err := Extract(program(t))
	if err != nil {
		t.Fatal(err)
	}
	config := []byte("DEFAULT linux\n")
	fs, err := l.Install([]fat.File{{Path: "syslinux.cfg", Size: int64(len(config)), Data: bytes.NewReader(config)}}, fat.Options{Size: 40 << 20})
	if err != nil {
		t.Fatal(err)
	}
	image := write(t, fs)
	if _, err := exec.LookPath("fsck.fat"); err != nil {
		t.Skip("needs fsck.fat (Debian package dosfstools)")
	}
	run(t, "fsck.fat", "-n", image)
	got, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	boot, sys, err := l.Place(fs.Offsets[0] / disk.Sector)
	if err != nil || !bytes.Equal(got[90:512], boot[90:]) || !bytes.HasPrefix(got[fs.Offsets[0]:], sys) {
		t.Errorf("loader is not where it should be: %v", err)
	}
}

// fake returns a program with the smallest loader that can be.
func fake() []byte {
	boot := make([]byte, 512)
	copy(boot, "\xeb\x58\x90SYSLINUX")
	le.PutUint32(boot[0x1f8:], magic)
	le.PutUint16(boot[510:], 0xaa55)
	sys := make([]byte, 70_000)
	copy(sys, "\r\nSYSLINUX 6.04 \x00")
	le.PutUint32(sys[24:], magic)
	le.PutUint16(sys[24+22:], 100) // the table
	for i, v := range []uint16{200, 0, 0, 0, 0, 300, 4, 0x11a, 0x120, 0} {
		le.PutUint16(sys[100+2*i:], v)
	}
	core := make([]byte, 100)
	copy(core, "\x7fELF\x01\x01\x01")
	core[16], core[18] = 3, 3
	core[32], core[46], core[48] = 60, 40, 1
	return bytes.Join([][]byte{[]byte("\xeb\x58\x90SYSLINUX, not yet"), boot, sys, core, make([]byte, 10)}, nil)
}

func TestPlace(t *testing.T) {
	l, err := Extract(fake())
	if err != nil {
		t.Fatal(err)
	}
	if len(l.core) != 100 || l.Size() != 137*512+1024 {
		t.Errorf("core has %d bytes, loader %d", len(l.core), l.Size())
	}
	boot, sys, err := l.Place(1<<32 + 5)
	if err != nil {
		t.Fatal(err)
	}
	if le.Uint32(boot[0x11a:]) != 5 || le.Uint32(boot[0x120:]) != 1 {
		t.Errorf("boot sector: %x", boot[0x11a:0x124])
	}
	const base = 1<<32 + 5
	for i, want := range [][2]uint64{{base + 1, 127}, {base + 128, 9}, {0, 0}} {
		got := [2]uint64{le.Uint64(sys[300+10*i:]), uint64(le.Uint16(sys[308+10*i:]))}
		if got != want {
			t.Errorf("extent %d: %d, want %d", i, got, want)
		}
	}
	var sum uint32
	for i := 0; i < 70_000; i += 4 {
		sum += le.Uint32(sys[i:])
	}
	if sum != magic || le.Uint64(sys[200:]) != base+137 {
		t.Errorf("sum is %#x", sum)
	}
}

func TestNoRoomForMap(t *testing.T) {
	data := fake()
	i := bytes.Index(data, []byte("\r\nSYSLINUX "))
	le.PutUint16(data[i+112:], 1) // one extent
	l, err := Extract(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Place(1); err == nil {
		t.Error("no error")
	}
}

func TestNoLoader(t *testing.T) {
	for name, data := range map[string][]byte{"empty": nil, "cut": fake()[:30_000], "zeros": make([]byte, 5000)} {
		if _, err := Extract(data); !errors.Is(err, ErrNoLoader) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(fake())
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Extract(data)
		if err != nil {
			return
		}
		if boot, sys, err := l.Place(77); err == nil && (len(boot) != 512 || int64(len(sys)) != l.Size()) {
			t.Errorf("%d, %d", len(boot), len(sys))
		}
	})
}
