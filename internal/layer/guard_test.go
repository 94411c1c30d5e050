package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestBloated makes much of little.
func TestBloated(t *testing.T) {
	for _, c := range []struct {
		content, stored int64
		want            bool
	}{
		{freeSize, 1, false},
		{freeSize + 1, 1, true},
		{freeSize + 1, freeSize / maxRatio, false},
		{10 * freeSize, freeSize / maxRatio, true},
		{10 * freeSize, freeSize, false},
	} {
		if got := bloated(c.content, c.stored, freeSize); got != c.want {
			t.Errorf("%d bytes of %d: %v", c.content, c.stored, got)
		}
	}
}

// TestSparseBomb has files that are nothing but holes.
func TestSparseBomb(t *testing.T) {
	one := sparseArchive(8 << 30)
	all := append(bytes.Repeat(one[:1024], 10), one[1024:]...)
	err := Flatten(t.Context(), []Blob{blob(all)}, Options{}, func(*Entry) error {
		t.Error("something is emitted")
		return nil
	})
	if !errors.Is(err, ErrLimit) {
		t.Errorf("Flatten = %v", err)
	}
}

// TestZstdBomb stops early, before anything is emitted.
func TestZstdBomb(t *testing.T) {
	var buf bytes.Buffer
	z, err := zstd.NewWriter(&buf, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	const size = freeSize + 64<<20
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: size, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for range size / len(block) {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	err = Flatten(t.Context(), []Blob{blob(buf.Bytes())}, Options{}, func(*Entry) error {
		t.Error("something is emitted")
		return nil
	})
	if !errors.Is(err, ErrLimit) {
		t.Errorf("Flatten = %v", err)
	}
}
