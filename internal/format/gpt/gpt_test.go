package gpt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/mbr"
)

func sample(t *testing.T) Disk {
	t.Helper()
	esp, err := disk.New(5<<20, disk.Bytes(0, []byte("first")))
	if err != nil {
		t.Fatal(err)
	}
	return Disk{Seed: []byte("seed"), Code: []byte{0x90}, Partitions: []Partition{
		{Type: TypeESP, Name: "EFI system", Content: esp, Attributes: LegacyBoot | Required},
		{Type: TypeLinux, Name: strings.Repeat("ä", 34) + "😀", Size: 3 << 40, Attributes: ReadOnly},
		{Type: TypeBasic, ID: MustGUID("12345678-9abc-def0-1234-56789abcdef0"), Size: 1 << 20},
	}}
}

func write(t *testing.T, d Disk) string {
	t.Helper()
	im, err := d.Image()
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
	return f.Name()
}

func need(t *testing.T, tool, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs %s (Debian package %s)", tool, pkg)
	}
}

func TestSgdisk(t *testing.T) {
	need(t, "sgdisk", "gdisk")
	hybrid := sample(t)
	hybrid.Partitions[0].Hybrid, hybrid.Partitions[0].HybridActive = mbr.TypeESP, true
	empty, fixed := Disk{}, sample(t)
	fixed.Size = 4<<40 + 512
	for name, d := range map[string]Disk{"plain": sample(t), "hybrid": hybrid, "empty": empty, "larger": fixed} {
		out, err := exec.Command("sgdisk", "-v", write(t, d)).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("No problems found")) || bytes.Contains(out, []byte("Caution")) || bytes.Contains(out, []byte("Warning")) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestSfdisk(t *testing.T) {
	need(t, "sfdisk", "fdisk")
	name := write(t, sample(t))
	if out, err := exec.Command("sfdisk", "--verify", name).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command("sfdisk", "--json", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	type part struct {
		Start, Size             int64
		Type, UUID, Name, Attrs string
	}
	type table struct {
		Label, ID  string
		Partitions []part
	}
	var got struct{ PartitionTable table }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	seed := []byte("seed")
	long := strings.Repeat("ä", 34) + "😀"
	up := strings.ToUpper
	want := table{Label: "gpt", ID: up(DeriveGUID(seed, "disk").String()), Partitions: []part{
		{2048, 10240, up(TypeESP.String()), up(DeriveGUID(seed, "partition 1 EFI system").String()), "EFI system", "RequiredPartition LegacyBIOSBootable"},
		{12288, 3 << 31, up(TypeLinux.String()), up(DeriveGUID(seed, "partition 2 "+long).String()), long, "GUID:60"},
		{12288 + 3<<31, 2048, up(TypeBasic.String()), "12345678-9ABC-DEF0-1234-56789ABCDEF0", "", ""},
	}}
	if diff := cmp.Diff(want, got.PartitionTable); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHybridRecord(t *testing.T) {
	d := sample(t)
	d.Partitions[0].Hybrid, d.Partitions[0].HybridActive = mbr.TypeFAT32, true
	im, err := d.Image()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 512)
	if _, err := im.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	want, err := mbr.Record([]byte{0x90}, 0, []mbr.Entry{{Type: 0xee, Start: 1, Size: 2047}, {Type: 0x0c, Active: true, Start: 2048, Size: 10240}})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v: %x", err, got)
	}
}

func TestErrors(t *testing.T) {
	linux := func(p Partition) Disk { p.Type = TypeLinux; return Disk{Partitions: []Partition{p}} }
	small := linux(Partition{Size: 1 << 20})
	small.Size = 2 << 20
	hybrid := Partition{Type: TypeLinux, Size: 512, Hybrid: 0x83}
	odd := linux(Partition{Size: 1 << 20})
	odd.Size = 4<<20 + 1
	for name, c := range map[string]struct {
		disk  Disk
		small bool
	}{
		"disk too small":      {small, true},
		"odd size":            {odd, false},
		"partition too small": {linux(Partition{Size: 512, Content: &disk.Image{Size: 513}}), true},
		"name":                {linux(Partition{Size: 512, Name: strings.Repeat("x", 37)}), false},
		"no UTF-8":            {linux(Partition{Size: 512, Name: "\xff"}), false},
		"no type":             {Disk{Partitions: []Partition{{Size: 512}}}, false},
		"in the table":        {linux(Partition{Start: 1024, Size: 512}), false},
		"many":                {Disk{Partitions: make([]Partition, 129)}, false},
		"four hybrid":         {Disk{Partitions: []Partition{hybrid, hybrid, hybrid, hybrid}}, false},
		"hybrid":              {linux(Partition{Size: 3 << 40, Hybrid: 1}), false},
	} {
		if _, err := c.disk.Image(); err == nil || errors.Is(err, disk.ErrTooSmall) != c.small {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseGUID(f *testing.F) {
	f.Add("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
	f.Add("C12A7328F81F11D2BA4B00A0C93EC93B")
	f.Add("----")
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := ParseGUID(text); err == nil && !strings.EqualFold(g.String(), text) {
			t.Errorf("%q became %s", text, g)
		}
	})
}

func TestDeriveGUID(t *testing.T) {
	a, b := DeriveGUID([]byte("a"), "bc"), DeriveGUID([]byte("ab"), "c")
	if a == b || a != DeriveGUID([]byte("a"), "bc") || a[6]>>4 != 8 || a[8]>>6 != 2 {
		t.Errorf("%s, %s", a, b)
	}
}
