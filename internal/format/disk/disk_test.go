package disk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func file(t *testing.T, data []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func sample(t *testing.T) (*Image, []byte) {
	t.Helper()
	data := random(100_000)
	im, err := New(300_001,
		Extent{Offset: 150_000, Length: 50_000, Data: file(t, data), From: 1000},
		Bytes(0, data[:10]),
		Bytes(10, data[500:700]),
		Extent{Offset: 250_000, Length: 30_000, Data: bytes.NewReader(data), From: 70_000},
		Bytes(20, nil),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, im.Size)
	copy(want, data[:10])
	copy(want[10:], data[500:700])
	copy(want[150_000:], data[1000:51_000])
	copy(want[250_000:], data[70_000:])
	return im, want
}

func TestReadAt(t *testing.T) {
	im, want := sample(t)
	if err := iotest.TestReader(io.NewSectionReader(im, 0, im.Size), want); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 10)
	if n, err := im.ReadAt(buf, im.Size-3); n != 3 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := im.ReadAt(buf, im.Size); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	if _, err := im.ReadAt(buf, -1); err == nil {
		t.Error("no error for a negative offset")
	}
}

func TestWriteStream(t *testing.T) {
	im, want := sample(t)
	var got bytes.Buffer
	if err := im.WriteStream(context.Background(), &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("stream differs")
	}
}

func TestWriteFile(t *testing.T) {
	im, want := sample(t)
	f := file(t, random(400_000)) // what was there before must go
	for range 2 {
		if err := im.WriteFile(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("file differs: %v", err)
	}
}

func TestShortData(t *testing.T) {
	im := &Image{Size: 10, Extents: []Extent{{Length: 10, Data: bytes.NewReader([]byte("short"))}}}
	if err := im.WriteStream(context.Background(), io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("stream: %v", err)
	}
	if err := im.WriteFile(context.Background(), file(t, nil)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("file: %v", err)
	}
	im.Extents[0].Data = file(t, []byte("short"))
	if err := im.WriteFile(context.Background(), file(t, nil)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("file to file: %v", err)
	}
}

func TestCancel(t *testing.T) {
	im, _ := sample(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := im.WriteStream(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("stream: %v", err)
	}
	if err := im.WriteFile(ctx, file(t, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("file: %v", err)
	}
}

func TestCheck(t *testing.T) {
	one := []byte{1, 2, 3}
	for name, im := range map[string]Image{
		"overlap":  {10, []Extent{Bytes(0, one), Bytes(2, one)}},
		"unsorted": {10, []Extent{Bytes(5, one), Bytes(0, one)}},
		"outside":  {10, []Extent{Bytes(8, one)}},
		"negative": {10, []Extent{Bytes(-1, one)}},
		"no data":  {10, []Extent{{Length: 1}}},
		"overflow": {10, []Extent{{Offset: 1, Length: 1<<63 - 1, Data: bytes.NewReader(nil)}}},
	} {
		if err := im.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBlocks(t *testing.T) {
	im, err := New(100, Bytes(0, []byte("a")), Bytes(9, []byte("ab")), Bytes(12, []byte("c")), Bytes(50, []byte("d")), Bytes(95, []byte("ends!")))
	if err != nil {
		t.Fatal(err)
	}
	runs := im.Blocks(10)
	if diff := cmp.Diff(Runs{{0, 2, 0}, {5, 1, 2}, {9, 1, 3}}, runs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before := int64(0)
	for i := range int64(10) {
		n, ok := runs.Index(i)
		if want := im.Covers(i*10, 10); n != before || ok != want {
			t.Errorf("block %d: %d, %v, want %d, %v", i, n, ok, before, want)
		}
		if ok {
			if runs.Block(before) != i {
				t.Errorf("block %d of those with data is %d, want %d", before, runs.Block(before), i)
			}
			before++
		}
	}
	if runs.Total() != before || (Runs)(nil).Total() != 0 {
		t.Errorf("total %d, want %d", runs.Total(), before)
	}
}

func TestRecords(t *testing.T) {
	r := Records{Width: 4, Put: func(b []byte, i int64) { b[0] = byte(i) }}
	want := []byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0}
	if err := iotest.TestReader(io.NewSectionReader(r, 0, 15), want); err != nil {
		t.Error(err)
	}
}

func TestLayout(t *testing.T) {
	starts, end, err := Layout([]Space{{0, 512}, {0, 3 << 20}, {10 << 20, 1024}, {0, 512}})
	if diff := cmp.Diff([]int64{1 << 20, 2 << 20, 10 << 20, 11 << 20}, starts); err != nil || diff != "" || end != 11<<20+512 {
		t.Errorf("%v, %d, %s", err, end, diff)
	}
	for _, bad := range [][]Space{{{0, 0}}, {{0, 100}}, {{700, 512}}, {{2 << 20, 1 << 20}, {1 << 20, 512}}, {{0, -512}}} {
		if _, _, err := Layout(bad); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

// TestNested puts images into images, which must leave no trace.
func TestNested(t *testing.T) {
	inner, want := sample(t)
	middle, err := New(inner.Size, Extent{Length: inner.Size - 50, Data: inner, From: 50})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := New(400_000, Extent{Offset: 10_000, Length: 260_000, Data: middle, From: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range outer.Extents {
		if _, ok := e.Data.(*Image); ok {
			t.Errorf("the extent at %d is still an image", e.Offset)
		}
	}
	got := make([]byte, outer.Size)
	if _, err := outer.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[10_000:270_000], want[55:260_055]) || !bytes.Equal(got[270_000:], make([]byte, 130_000)) {
		t.Error("nested images read differently")
	}
}

// TestNestedShort wants more of an image than there is.
func TestNestedShort(t *testing.T) {
	inner, _ := sample(t)
	outer, err := New(400_000, Extent{Length: inner.Size + 1, Data: inner})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outer.ReadAt(make([]byte, outer.Size), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}
