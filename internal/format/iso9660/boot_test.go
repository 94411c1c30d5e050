package iso9660

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/fsimage/fsimagetest"
)

// bootable are files of an image for BIOS and UEFI, CD and disk.
func bootable() ([]fsimagetest.File, Options) {
	files := []fsimagetest.File{
		regular("isolinux/isolinux.bin", strings.Repeat("loader", 1000)+"x"),
		regular("isolinux/isolinux.cfg", "default linux"),
		regular("efi.img", strings.Repeat("\xebFAT image", 100_000)),
		regular("kernel", strings.Repeat("kernel", 50_000)),
	}
	return files, Options{
		Label:  "LINUXKIT",
		Boot:   []Boot{{Platform: BIOS, Path: "isolinux/isolinux.bin", InfoTable: true}, {Platform: UEFI, Path: "efi.img"}},
		Hybrid: &Hybrid{Code: bytes.Repeat([]byte{0x90}, 432), Seed: []byte("seed")},
	}
}

func TestElTorito(t *testing.T) {
	need(t, "xorriso")
	files, opts := bootable()
	data := build(t, files, opts)
	name := file(t, data)
	out := run(t, "xorriso", "-indev", name, "-report_el_torito", "plain")
	for _, want := range []string{
		"BIOS  y   none  0x0000  0x00      4", "UEFI  y   none  0x0000  0x00", "isohybrid-suitable",
		"El Torito img path :   1  /isolinux/isolinux.bin", "El Torito img path :   2  /efi.img", "boot-info-table",
	} {
		if want != "isohybrid-suitable" && !strings.Contains(out, want) {
			t.Errorf("xorriso does not report %q:\n%s", want, out)
		}
	}
	at := bytes.Index(data, []byte("loaderlo"))
	if le.Uint32(data[at+8:]) != 16 || int(le.Uint32(data[at+12:]))*Sector != at || le.Uint32(data[at+16:]) != 6001 {
		t.Errorf("information table % x at %d", data[at+8:at+64], at)
	}
}

func TestSystemArea(t *testing.T) {
	need(t, "xorriso")
	files, opts := bootable()
	data := build(t, files, opts)
	out := run(t, "xorriso", "-indev", file(t, data), "-report_system_area", "plain")
	at := bytes.Index(data, []byte("\xebFAT image"))
	for _, want := range []string{
		"System area summary: MBR protective-msdos-label", "GPT",
		fmt.Sprintf("GPT start and size :   1  %d  %d", at/512, (len(files[2].Content)+511)/512),
		"GPT partition path :   1  /efi.img", "GPT type GUID      :   1  28732ac11ff8d211ba4b00a0c93ec93b",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("xorriso does not report %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "GPT backup problems") {
		t.Error(out)
	}
	if loader := bytes.Index(data, []byte("loaderlo")); int(le.Uint32(data[432:]))*512 != loader {
		t.Errorf("the boot record loads sector %d, want %d", le.Uint32(data[432:]), loader/512)
	}
}

func TestHybridBIOS(t *testing.T) {
	files, opts := bootable()
	opts.Boot = opts.Boot[:1]
	data := build(t, files, opts)
	entry := data[446:462]
	if entry[0] != 0x80 || entry[4] != typeHidden || int(le.Uint32(entry[12:]))*512 != len(data) {
		t.Errorf("partition % x", entry)
	}
	if bytes.Contains(data, []byte("EFI PART")) {
		t.Error("there is a GUID partition table without an EFI system partition")
	}
}

func TestGPTJudge(t *testing.T) {
	need(t, "sgdisk")
	files, opts := bootable()
	out := run(t, "sgdisk", "-v", file(t, build(t, files, opts)))
	if !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk: %s", out)
	}
}

// TestPart shares the content of one file between two names.
func TestPart(t *testing.T) {
	inner := strings.Repeat("kernel", 1000)
	outer := regular("efi.img", strings.Repeat("\x01", 2*Sector)+inner+"end")
	b := New(Options{})
	if err := b.Add(outer.Entry); err != nil {
		t.Fatal(err)
	}
	if err := b.AddPart(regular("boot/kernel", inner).Entry, "efi.img", 2*Sector); err != nil {
		t.Fatal(err)
	}
	im, err := b.Layout()
	if err != nil {
		t.Fatal(err)
	}
	files := []fsimagetest.File{outer}
	want := fsimagetest.Expect([]fsimagetest.File{outer, regular("boot/kernel", inner)}, 1, outer.ModTime)
	got := extract(t, stream(t, im, files))
	for _, name := range []string{"efi.img", "boot/kernel"} {
		if got[name].Sum != want[name].Sum || got[name].Size != want[name].Size {
			t.Errorf("%s is %+v, want %+v", name, got[name], want[name])
		}
	}
}

// TestLargeESP has a boot image whose size the catalogue cannot tell.
func TestLargeESP(t *testing.T) {
	b := New(Options{Boot: []Boot{{Platform: UEFI, Path: "a"}}})
	e := regular("a", "").Entry
	e.Size = 64 << 20
	if err := b.Add(e); err != nil {
		t.Fatal(err)
	}
	im, err := b.Layout()
	if err != nil {
		t.Fatal(err)
	}
	if c := catalogue(im.boot); c[1] != byte(UEFI) || le.Uint16(c[38:]) != 1 {
		t.Errorf("catalogue % x", c[:64])
	}
}
