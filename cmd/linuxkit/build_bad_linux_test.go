package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/linuxkit/linuxkit/internal/output"
)

// badSystems are configurations that some formats cannot be made of.
var badSystems = map[string]struct {
	yaml    string
	flags   []string
	formats []string
	want    string
}{
	"no kernel": {
		yaml: `init: ["conf/init:v1"]`, formats: booting, want: "the configuration has no kernel section",
	},
	"image without kernel": {
		yaml:    `{kernel: {image: "conf/app:v1", tar: none}, init: ["conf/init:v1"]}`,
		formats: append([]string{"kernel+initrd", "tar-kernel-initrd", "tar", "docker", "kernel+squashfs"}, booting...),
		want:    `docker.io/conf/app:v1`,
	},
	"no EFI stub": {
		yaml:    `{kernel: {image: "conf/kernel:v1"}, init: ["conf/init:v1"]}`,
		formats: []string{"raw-efi", "qcow2-efi", "iso-efi", "iso-efi-initrd", "iso", "uki"}, want: "CONFIG_EFI_STUB",
	},
	"too small": {
		yaml: bootable, flags: []string{"--size", "1M"}, formats: disks, want: "; give --size ",
	},
}

var (
	disks   = []string{"raw-bios", "raw-efi", "qcow2-bios", "qcow2-efi", "aws", "gcp", "vhd", "dynamic-vhd", "vmdk", "ova"}
	booting = append([]string{"iso", "iso-bios", "iso-efi", "iso-efi-initrd", "uki"}, disks...)
)

// TestBadSystems wants an error that says what is wrong, and no file.
func TestBadSystems(t *testing.T) {
	cache, config := bootableWorld(t)
	for name, c := range badSystems {
		t.Run(name, func(t *testing.T) {
			writeFile(t, config, c.yaml)
			dir := t.TempDir()
			for _, format := range c.formats {
				args := append([]string{"--cache", cache, "-q", "build", "--arch", "amd64", "-f", format, "--dir", dir, "--name", "x"}, c.flags...)
				r := linuxkit(t, nil, append(args, config)...)
				if r.code != 1 || !strings.HasPrefix(r.stderr, "Error: write "+format+" output: ") || !strings.Contains(r.stderr, c.want) {
					t.Errorf("%s: status %d: %s", format, r.code, r.stderr)
				}
			}
			checkEmpty(t, dir)
		})
	}
}

// checkEmpty wants no file in a directory.
func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in %s: %v, %v", dir, entries, err)
	}
}

// TestBadDirectories has every format written to where nothing can be.
func TestBadDirectories(t *testing.T) {
	cache, config := bootableWorld(t)
	readOnly := smallDisk(t, "1m")
	if err := syscall.Mount("tmpfs", readOnly, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	for dir, want := range map[string]string{
		filepath.Join(t.TempDir(), "missing"): "no such file or directory; the directory must exist and be writable",
		readOnly:                              "read-only file system; the directory must exist and be writable",
		file:                                  "not a directory; the directory must exist and be writable",
	} {
		for _, format := range formatsOf("amd64") {
			r := linuxkit(t, nil, "--cache", cache, "-q", "build", "--arch", "amd64", "-f", format, "--dir", dir, "--name", "x", config)
			if r.code != 1 || !strings.Contains(r.stderr, dir) || !strings.Contains(r.stderr, want) {
				t.Errorf("%s: status %d: %s", format, r.code, r.stderr)
			}
		}
	}
	checkEmpty(t, readOnly)
}

// TestEveryFormatOnFullDisk has no space for any output: what was there stays,
// nothing else is left, and with more space the build succeeds.
func TestEveryFormatOnFullDisk(t *testing.T) {
	cache, config := bootableWorld(t)
	addImage(t, cache, "docker.io/test/noise:1", noise(3<<20))
	writeFile(t, config, strings.Replace(bootable, `"conf/init:v1"`, `"conf/init:v1", "test/noise:1"`, 1))
	dir := smallDisk(t, "2m")
	args := func(format string) []string {
		return []string{"--cache", cache, "-q", "build", "--arch", "amd64", "--size", "64M", "-f", format, "--dir", dir, "--name", "x", config}
	}
	for _, format := range formatsOf("amd64") {
		var want []string
		for _, name := range filesOf(t, format, dir) {
			writeFile(t, name, "earlier")
			want = append(want, filepath.Base(name))
		}
		r := linuxkit(t, nil, args(format)...)
		if r.code != 1 || !strings.Contains(r.stderr, "no space left on device") {
			t.Errorf("%s: status %d: %s", format, r.code, r.stderr)
		}
		checkEarlier(t, format, dir, want)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=256m"); err != nil {
		t.Fatal(err)
	}
	for _, format := range formatsOf("amd64") {
		succeed(t, args(format)...)
	}
}

func filesOf(t *testing.T, format, dir string) []string {
	t.Helper()
	f, err := output.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	return f.Files(filepath.Join(dir, "x"))
}

// checkEarlier wants these files as an earlier build left them and no others,
// and removes them.
func checkEarlier(t *testing.T, format, dir string, want []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(name)
		if err != nil || string(data) != "earlier" || !slices.Contains(want, e.Name()) {
			t.Errorf("%s: %s is %.20q, %v", format, e.Name(), data, err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%s: the files are %v", format, entries)
	}
}

// rootFormats hold the tree in ways of their own.
var rootFormats = []string{"tar", "kernel+initrd", "kernel+squashfs", "kernel+erofs", "kernel+iso"}

// TestHostileMemory bounds what a build takes to refuse a bomb, and to accept
// files that are large and names that are many: not their size, and less than
// two KiB for a name, whatever the format.
func TestHostileMemory(t *testing.T) {
	for name, c := range map[string]struct {
		layer func(io.Writer) error
		code  int
		bound int64 // MiB
	}{
		"bomb":       {bomb(2 << 30), 1, 100},
		"large file": {noise(90 << 20), 0, 80},
		"many names": {zipped(many(20_000)), 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			cache, dir := t.TempDir(), t.TempDir()
			addImage(t, cache, "docker.io/library/big:1", c.layer)
			config := filepath.Join(dir, "big.yml")
			writeFile(t, config, `init: ["big:1"]`)
			for _, format := range rootFormats {
				code, peak := peakOf(t, "--cache", cache, "-q", "build", "--arch", "amd64", "-f", format, "--dir", dir, "--name", "out", config)
				if t.Logf("%s took %d MiB", format, peak); code != c.code || peak > c.bound {
					t.Errorf("%s ended with status %d and took %d MiB of memory", format, code, peak)
				}
			}
		})
	}
}

// TestManyEntries has a million of them in one layer, which is allowed. It takes
// less than a KiB of memory for each.
func TestManyEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	cache, dir := t.TempDir(), t.TempDir()
	addImage(t, cache, "docker.io/library/many:1", zipped(many(1_000_000)))
	writeFile(t, filepath.Join(dir, "x.yml"), `init: ["many:1"]`)
	code, peak := peakOf(t, "--cache", cache, "-q", "build", "--arch", "amd64", "--dir", dir, "--name", "out", filepath.Join(dir, "x.yml"))
	if t.Logf("it took %d MiB", peak); code != 0 || peak > 1000 {
		t.Errorf("status %d, %d MiB of memory", code, peak)
	}
	info, err := os.Stat(filepath.Join(dir, "out-initrd.img"))
	if err != nil || info.Size() == 0 {
		t.Errorf("the initrd is %v, %v", info, err)
	}
}

// peakOf runs the tool and returns its status and the most memory it had, in
// MiB.
func peakOf(t *testing.T, args ...string) (int, int64) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "status")
	cmd := command(t.Context(), t, args...)
	cmd.Env = append(cmd.Env, peakFile+"="+name)
	_ = cmd.Run() // the caller looks at the status
	status, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v\n%s", err, cmd.Stderr)
	}
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(status)
	if m == nil {
		t.Skipf("the system does not tell what memory a process had:\n%s", status)
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), kib >> 10
}
