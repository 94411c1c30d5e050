package mbr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linuxkit/linuxkit/internal/format/disk"
)

func content(t *testing.T, size int64, text string) *disk.Image {
	t.Helper()
	im, err := disk.New(size, disk.Bytes(0, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func sample(t *testing.T) Disk {
	return Disk{ID: 0x12345678, Code: bytes.Repeat([]byte{0x90}, 440), Partitions: []Partition{
		{Type: TypeFAT32, Active: true, Content: content(t, 5<<20+512, "first")},
		{Type: TypeLinux, Size: 3 << 30, Content: content(t, 100, "second")},
		{Type: 0x82, Start: 16 << 30, Size: 1 << 20},
	}}
}

func TestBytes(t *testing.T) {
	im, err := sample(t).Image()
	if err != nil {
		t.Fatal(err)
	}
	if im.Size != 16<<30+1<<20 {
		t.Errorf("size is %d", im.Size)
	}
	got := make([]byte, 512)
	if _, err := im.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	want := "\x78\x56\x34\x12\x00\x00" +
		"\x80\x20\x21\x00\x0c\xc3\x04\x00\x00\x08\x00\x00\x01\x28\x00\x00" +
		"\x00\xe3\x24\x00\x83\x83\x7b\x88\x00\x38\x00\x00\x00\x00\x60\x00" +
		"\x00\xff\xff\xff\x82\xff\xff\xff\x00\x00\x00\x02\x00\x08\x00\x00" +
		string(make([]byte, 16)) + "\x55\xaa"
	if diff := cmp.Diff(want, string(got[440:])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for at, text := range map[int64]string{1 << 20: "first", 7 << 20: "second"} {
		part := make([]byte, len(text))
		if _, err := im.ReadAt(part, at); err != nil || string(part) != text {
			t.Errorf("at %d: %q, %v", at, part, err)
		}
	}
}

func TestSfdisk(t *testing.T) {
	if _, err := exec.LookPath("sfdisk"); err != nil {
		t.Skip("needs sfdisk (Debian package fdisk)")
	}
	im, err := sample(t).Image()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := im.WriteFile(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sfdisk", "--verify", f.Name()).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command("sfdisk", "--json", f.Name()).Output()
	if err != nil {
		t.Fatal(err)
	}
	type part struct {
		Start, Size int64
		Type        string
		Bootable    bool
	}
	var got struct {
		PartitionTable struct {
			Label, ID  string
			Partitions []part
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	table := got.PartitionTable
	want := []part{{2048, 10241, "c", true}, {14336, 6291456, "83", false}, {33554432, 2048, "82", false}}
	if diff := cmp.Diff(want, table.Partitions); diff != "" || table.Label != "dos" || table.ID != "0x12345678" {
		t.Errorf("%s %s (-want +got):\n%s", table.Label, table.ID, diff)
	}
}

func TestErrors(t *testing.T) {
	small := Partition{Type: 1, Size: 512}
	for name, c := range map[string]struct {
		disk  Disk
		small bool
	}{
		"disk too small":      {Disk{Size: 1 << 20, Partitions: []Partition{small}}, true},
		"partition too small": {Disk{Partitions: []Partition{{Size: 512, Content: &disk.Image{Size: 513}}}}, true},
		"five":                {Disk{Partitions: []Partition{small, small, small, small, small}}, false},
		"two active":          {Disk{Partitions: []Partition{{Active: true, Size: 512}, {Active: true, Size: 512}}}, false},
		"code":                {Disk{Code: make([]byte, 441)}, false},
		"beyond":              {Disk{Partitions: []Partition{{Size: 2 << 40}}}, false},
		"empty":               {Disk{Partitions: []Partition{{}}}, false},
		"overlap":             {Disk{Partitions: []Partition{{Start: 1 << 20, Size: 1024}, {Start: 1 << 20, Size: 1024}}}, false},
	} {
		if _, err := c.disk.Image(); err == nil || errors.Is(err, disk.ErrTooSmall) != c.small {
			t.Errorf("%s: %v", name, err)
		}
	}
}
