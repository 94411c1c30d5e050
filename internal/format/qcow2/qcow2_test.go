package qcow2

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/disk/disktest"
)

func TestQemuImg(t *testing.T) {
	disktest.NeedQemu(t)
	const end = 2 << 40
	data := disktest.Random(5 << 20)
	for name, im := range map[string]*disk.Image{
		"empty":   disktest.Image(t, 1<<20),
		"nothing": disktest.Image(t, 0),
		"sector":  disktest.Image(t, 512, disk.Bytes(511, []byte("x"))),
		"full":    disktest.Image(t, 5<<20, disk.Bytes(0, data)),
		"odd":     disktest.Image(t, 200*512, disk.Bytes(100, data[:70_000]), disk.Bytes(102_000, data[:400])),
		"shared cluster": disktest.Image(t, 1<<30, disk.Bytes(65_000, data[:1000]), disk.Bytes(70_000, data[:10]), disk.Bytes(70_010, data[:100_000]),
			disk.Bytes(512<<20-5, data[:10]), disk.Bytes(1<<30-1, data[:1])),
		"2 TiB": disktest.Image(t, end, disk.Bytes(0, data), disk.Bytes(1<<40, data[:3]), disk.Bytes(end-3, data[:3])),
	} {
		t.Run(name, func(t *testing.T) {
			q, err := Encode(im)
			if err != nil {
				t.Fatal(err)
			}
			file := disktest.Write(t, q, "disk.qcow2")
			out := disktest.QemuImg(t, "check", "-f", "qcow2", "--output", "json", file)
			var check struct {
				ImageEnd    int64 `json:"image-end-offset"`
				Errors      int   `json:"check-errors"`
				Leaks       int
				Corruptions int
			}
			if err := json.Unmarshal(out, &check); err != nil || check.Leaks+check.Corruptions+check.Errors != 0 || check.ImageEnd != q.Size {
				t.Errorf("%v, size %d: %s", err, q.Size, out)
			}
			if im.Size > 0 {
				disktest.QemuImg(t, "compare", "-f", "qcow2", "-F", "raw", file, disktest.Write(t, im, "disk.raw"))
			}
		})
	}
}

func TestSameAsStream(t *testing.T) {
	q, err := Encode(disktest.Image(t, 1<<20, disk.Bytes(1000, disktest.Random(100_000))))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := q.WriteStream(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(disktest.Write(t, q, "x"))
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("file and stream differ: %v", err)
	}
}

// TestManyRefs has so much data that reference counts need many blocks, whose
// table is then read through the computed records.
func TestManyRefs(t *testing.T) {
	im := disktest.Image(t, 64<<40, disk.Extent{Offset: 1 << 40, Length: 20 << 40, Data: disk.Records{Width: 1, Put: func([]byte, int64) {}}})
	l := plan(im)
	if l.refs < l.end()/perRefs || (l.refs-1)*perRefs >= l.end() || l.refTable*cluster < l.refs*8 || l.refTable != 2 {
		t.Errorf("%d blocks in %d clusters for %d", l.refs, l.refTable, l.end())
	}
	if _, err := Encode(im); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	for name, im := range map[string]*disk.Image{
		"part of a sector": {Size: 513},
		"huge":             {Size: 1<<62 + 512},
		"bad":              {Size: 512, Extents: []disk.Extent{disk.Bytes(512, []byte{1})}},
	} {
		if _, err := Encode(im); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
