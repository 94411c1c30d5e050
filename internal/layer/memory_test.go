package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// heap returns how much memory is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// peak flattens and returns how much more memory was in use at one of n
// moments spread over the emitted entries, and the number of entries.
func peak(t *testing.T, b Blob, every int) (most int64, entries int) {
	t.Helper()
	before := heap()
	err := Flatten(context.Background(), []Blob{b}, Options{}, func(e *Entry) error {
		if entries%every == 0 {
			most = max(most, heap()-before)
		}
		entries++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return most, entries
}

func compressed(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestMemoryOfContent has 256 MiB of content and few names.
func TestMemoryOfContent(t *testing.T) {
	data := compressed(t, zeros(16, 16<<20))
	if most, n := peak(t, blob(data), 4); n != 16 || most > memoryBudget+48<<20 {
		t.Errorf("%d entries took %d MiB", n, most>>20)
	}
}

// TestMemoryOfNames has many names.
func TestMemoryOfNames(t *testing.T) {
	const names = 200_000
	r, w := io.Pipe()
	go func() {
		tw := tar.NewWriter(w)
		h := &tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Format: tar.FormatUSTAR}
		for i := range names {
			h.Name = fmt.Sprintf("usr/share/d%d/f%d", i/1000, i)
			if err := tw.WriteHeader(h); err != nil {
				w.CloseWithError(err)
				return
			}
		}
		w.CloseWithError(tw.Close())
	}()
	data := compressed(t, r)
	most, n := peak(t, blob(data), names/4)
	if n != names || most > 300*names {
		t.Errorf("%d entries took %d MiB, %d bytes for each", n, most>>20, most/names)
	}
}
