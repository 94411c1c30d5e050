package vhd

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/disk/disktest"
)

type encoder func(*disk.Image, Options) (*disk.Image, error)

func TestQemuImg(t *testing.T) {
	disktest.NeedQemu(t)
	data := disktest.Random(5 << 20)
	const large = 2040 << 30
	for name, c := range map[string]struct {
		encode encoder
		im     *disk.Image
	}{
		"fixed":         {Fixed, disktest.Image(t, 7<<20, disk.Bytes(100, data))},
		"fixed empty":   {Fixed, disktest.Image(t, 1<<20)},
		"fixed large":   {Fixed, disktest.Image(t, large, disk.Bytes(0, data), disk.Bytes(large-3, data[:3]))},
		"dynamic":       {Dynamic, disktest.Image(t, 21<<20, disk.Bytes(100, data), disk.Bytes(16<<20-10, data[:30]), disk.Bytes(21<<20-1, data[:1]))},
		"dynamic empty": {Dynamic, disktest.Image(t, 5<<20)},
		"dynamic odd":   {Dynamic, disktest.Image(t, 5<<20+512, disk.Bytes(5<<20, data[:512]))},
		"dynamic large": {Dynamic, disktest.Image(t, large, disk.Bytes(0, data), disk.Bytes(1<<40, data[:3]), disk.Bytes(large-3, data[:3]))},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := c.encode(c.im, Options{})
			if err != nil {
				t.Fatal(err)
			}
			file := disktest.Write(t, v, "disk.vhd")
			var info struct {
				Size   int64 `json:"virtual-size"`
				Format string
			}
			out := disktest.QemuImg(t, "info", "-f", "vpc", "--output", "json", file)
			if err := json.Unmarshal(out, &info); err != nil || info.Size != c.im.Size {
				t.Errorf("%v, %s, want size %d", err, out, c.im.Size)
			}
			disktest.QemuImg(t, "compare", "-f", "vpc", "-F", "raw", file, disktest.Write(t, c.im, "disk.raw"))
		})
	}
}

func TestFooter(t *testing.T) {
	opts := Options{Seed: []byte("x"), Time: time.Date(2000, 1, 2, 0, 0, 1, 0, time.UTC)}
	for name, encode := range map[string]encoder{"fixed": Fixed, "dynamic": Dynamic} {
		v, err := encode(disktest.Image(t, 30<<30), opts)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 512)
		if _, err := v.ReadAt(b, v.Size-512); err != nil {
			t.Fatal(err)
		}
		sum := binary.BigEndian.Uint32(b[64:])
		clear(b[64:68])
		if checksum(b) != sum || binary.BigEndian.Uint32(b[24:]) != 86401 || binary.BigEndian.Uint64(b[48:]) != 30<<30 || string(b[:8]) != "conectix" {
			t.Errorf("%s: %x", name, b)
		}
		if id := opts.id(); string(b[68:84]) != string(id[:]) {
			t.Errorf("%s: identifier %x", name, b[68:84])
		}
	}
}

// TestGeometry has values of the specification's algorithm at its borders.
func TestGeometry(t *testing.T) {
	for _, c := range []struct{ total, cylinders, heads, sectors int64 }{
		{2048, 30, 4, 17}, // 1 MiB
		{204800, 1003, 12, 17},
		{1 << 20, 1040, 16, 63}, // 512 MiB
		{62914560, 62415, 16, 63},
		{65535 * 16 * 63, 16191, 16, 255},
		{2040 << 21, 65535, 16, 255},
	} {
		if a, b, d := geometry(c.total); a != c.cylinders || b != c.heads || d != c.sectors {
			t.Errorf("%d: %d/%d/%d, want %d/%d/%d", c.total, a, b, d, c.cylinders, c.heads, c.sectors)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		encode encoder
		size   int64
		hint   string
	}{
		"fixed odd":     {Fixed, 1<<20 + 512, "2097152"},
		"fixed none":    {Fixed, 0, "1048576"},
		"dynamic odd":   {Dynamic, 513, "1024"},
		"fixed large":   {Fixed, 2041 << 30, "2190433320960"},
		"dynamic large": {Dynamic, 2041 << 30, "2190433320960"},
	} {
		if _, err := c.encode(&disk.Image{Size: c.size}, Options{}); err == nil || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := &disk.Image{Size: 1 << 20, Extents: []disk.Extent{disk.Bytes(1<<20, []byte{1})}}
	for _, encode := range []encoder{Fixed, Dynamic} {
		if _, err := encode(bad, Options{}); err == nil {
			t.Error("no error for a bad image")
		}
	}
}
