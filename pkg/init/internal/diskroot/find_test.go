package diskroot

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// superblock makes the beginning of a file system from texts at offsets.
func superblock(parts map[int]string) []byte {
	b := make([]byte, 40<<10)
	for at, text := range parts {
		copy(b[at:], text)
	}
	return b
}

const (
	rawUUID  = "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"
	textUUID = "01234567-89ab-cdef-0123-456789abcdef"
)

var disks = map[string][]byte{
	"sr0":  superblock(map[int]string{32769: "CD001", 32808: "LinuxKit                        "}),
	"vda":  superblock(map[int]string{0: "hsqs"}),
	"vdb":  superblock(map[int]string{1024: "\xe2\xe1\xf5\xe0", 1072: rawUUID, 1088: "LinuxKit"}),
	"vdc":  superblock(nil),
	"vdc1": superblock(map[int]string{1080: "\x53\xef", 1144: "a label"}),
	"vdd":  []byte("short"),
}

func TestReadSuper(t *testing.T) {
	for name, want := range map[string]Super{
		"sr0": {Type: "iso9660", Label: "LinuxKit"}, "vda": {Type: "squashfs"},
		"vdb": {Type: "erofs", Label: "LinuxKit", UUID: textUUID}, "vdc": {}, "vdd": {},
		"vdc1": {Type: "ext4", Label: "a label", UUID: "00000000-0000-0000-0000-000000000000"},
	} {
		if got, err := ReadSuper(bytes.NewReader(disks[name])); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func FuzzReadSuper(f *testing.F) {
	for _, d := range disks {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadSuper(bytes.NewReader(data))
		if err != nil || len(s.Label) > 32 || len(s.UUID) > len(textUUID) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// system makes the directories in which a kernel shows the disks.
func system(t *testing.T) finder {
	t.Helper()
	root := t.TempDir()
	put := func(name string, data []byte) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range disks {
		put("dev/"+name, data)
		put("sys/class/block/"+name+"/uevent", []byte("MAJOR=254\nDEVNAME="+name+"\n"))
	}
	put("sys/class/block/vdc1/uevent", []byte("DEVTYPE=partition\nPARTUUID=ABCD-01\nPARTNAME=EFI System\n"))
	if err := os.MkdirAll(filepath.Join(root, "sys/dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../devices/virtual/block/vdb", filepath.Join(root, "sys/dev/block/254:16")); err != nil {
		t.Fatal(err)
	}
	return finder{root}
}

func TestFind(t *testing.T) {
	f := system(t)
	for spec, want := range map[string]string{
		"/dev/vda": "/dev/vda", "254:16": "/dev/vdb", "LABEL=LinuxKit": "/dev/sr0", "LABEL=a label": "/dev/vdc1",
		"UUID=01234567-89AB-cdef-0123-456789abcdef": "/dev/vdb", "PARTUUID=abcd-01": "/dev/vdc1", "PARTLABEL=EFI System": "/dev/vdc1",
	} {
		if got, _, err := f.find(spec); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", spec, got, err, want)
		}
	}
	for spec, absent := range map[string]bool{
		"/dev/sda": true, "8:0": true, "LABEL=other": true, "UUID=": false, "PARTUUID=abcd-02": true, "LABEL=": false, "vda": false, "nfs": false, "0801": false,
	} {
		got, _, err := f.find(spec)
		if err == nil || errors.Is(err, errAbsent) != absent {
			t.Errorf("%s: %q, %v", spec, got, err)
		}
	}
}
