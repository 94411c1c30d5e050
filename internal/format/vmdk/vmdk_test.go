package vmdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/disk/disktest"
)

func TestQemuImg(t *testing.T) {
	disktest.NeedQemu(t)
	data := append(disktest.Random(5<<20), bytes.Repeat([]byte("compressible "), 200_000)...)
	const large = 16 << 30
	for name, im := range map[string]*disk.Image{
		"empty":     disktest.Image(t, 1<<20),
		"one grain": disktest.Image(t, 64<<10, disk.Bytes(5, data[:10])),
		"tables":    disktest.Image(t, 100<<20, disk.Bytes(100, data), disk.Bytes(32<<20-5, data[:10]), disk.Bytes(96<<20, data[:1]), disk.Bytes(100<<20-1, data[:1])),
		"odd":       disktest.Image(t, 33<<20+64<<10, disk.Bytes(30<<20, data[:3<<20+64<<10])),
		"zeros":     disktest.Image(t, 5<<20, disk.Bytes(0, make([]byte, 4<<20)), disk.Bytes(4<<20, data[:1<<20])),
		"large":     disktest.Image(t, large, disk.Bytes(0, data), disk.Bytes(5<<30, data[:3]), disk.Bytes(large-3, data[:3])),
	} {
		t.Run(name, func(t *testing.T) {
			file := disktest.Create(t, "disk.vmdk", func(f *os.File) error { return Write(context.Background(), f, im, Options{}) })
			raw := disktest.Create(t, "disk.raw", func(f *os.File) error { return im.WriteFile(context.Background(), f) })
			disktest.QemuImg(t, "check", "-f", "vmdk", file)
			out := disktest.QemuImg(t, "info", "-f", "vmdk", "--output", "json", file)
			var info struct {
				Size  int64 `json:"virtual-size"`
				Other struct {
					Data struct {
						Type string `json:"create-type"`
					}
				} `json:"format-specific"`
			}
			if err := json.Unmarshal(out, &info); err != nil || info.Size != im.Size || info.Other.Data.Type != "streamOptimized" {
				t.Errorf("%v: %s", err, out)
			}
			disktest.QemuImg(t, "compare", "-f", "vmdk", "-F", "raw", file, raw)
		})
	}
}

// TestLarge reads the only three grains of a disk of 2 TiB.
func TestLarge(t *testing.T) {
	disktest.NeedQemu(t)
	a := bytes.Repeat([]byte("a"), 512)
	im := disktest.Image(t, 2<<40, disk.Bytes(0, a), disk.Bytes(1<<40, a), disk.Bytes(2<<40-512, a))
	file := disktest.Create(t, "disk.vmdk", func(f *os.File) error { return Write(context.Background(), f, im, Options{}) })
	args := []string{"-r", "-f", "vmdk"}
	for _, c := range []string{"0x61 0", "0 512", "0x61 1T", "0 1536G", "0x61 2199023255040"} {
		args = append(args, "-c", "read -P "+c+" 512")
	}
	out, err := exec.Command("qemu-io", append(args, file)...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("fail")) || bytes.Count(out, []byte("read 512/512")) != 5 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestDeterministic(t *testing.T) {
	im := disktest.Image(t, 64<<20, disk.Bytes(100, disktest.Random(20<<20)))
	var last []byte
	for i, procs := range []int{1, 2, 7} {
		old := runtime.GOMAXPROCS(procs)
		var b bytes.Buffer
		err := Write(context.Background(), &b, im, Options{Seed: []byte("x"), Level: 1})
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && !bytes.Equal(last, b.Bytes()) {
			t.Errorf("differs with %d processors", procs)
		}
		last = b.Bytes()
	}
}

type brokenWriter struct{ left int }

var errFull = errors.New("full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	im := disktest.Image(t, 64<<20, disk.Bytes(100, disktest.Random(20<<20)))
	for _, n := range []int{0, 100_000, 10 << 20, 20<<20 + 70_000} {
		if err := Write(ctx, &brokenWriter{n}, im, Options{}); !errors.Is(err, errFull) {
			t.Errorf("full after %d: %v", n, err)
		}
	}
	short := &disk.Image{Size: 1 << 20, Extents: []disk.Extent{{Length: 10, Data: bytes.NewReader(nil)}}}
	if err := Write(ctx, io.Discard, short, Options{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := Write(canceled, io.Discard, im, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	for name, bad := range map[string]*disk.Image{
		"odd": {Size: 1<<20 + 512}, "none": {}, "huge": {Size: 63 << 40},
		"bad": {Size: 1 << 20, Extents: []disk.Extent{disk.Bytes(1<<20, []byte{1})}},
	} {
		if err := Write(ctx, io.Discard, bad, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := Write(ctx, io.Discard, im, Options{Name: "a\"b"}); err == nil {
		t.Error("no error for a name with a quote")
	}
	if err := Write(ctx, io.Discard, im, Options{Level: 77}); err == nil {
		t.Error("no error for a level that there is not")
	}
}
