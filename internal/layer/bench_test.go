package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

// rootfs makes an archive of about 150 MB that compresses like programs do.
func rootfs(b *testing.B) []byte {
	b.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 4+rnd.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(rnd.IntN(256))
		}
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; buf.Len() < 150<<20; i++ {
		var content bytes.Buffer
		for size := rnd.IntN(1 << (8 + rnd.IntN(14))); content.Len() < size; {
			content.Write(words[rnd.IntN(len(words))])
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("usr/lib/d%d/file%d", i%97, i), Mode: 0o644, Size: int64(content.Len())}
		if err := w.WriteHeader(h); err != nil {
			b.Fatal(err)
		}
		if _, err := content.WriteTo(w); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

func BenchmarkFlatten(b *testing.B) {
	plain := rootfs(b)
	for name, data := range map[string][]byte{"tar": plain, "gzip": compresstest.Gzip(b, plain), "zstd": compresstest.Zstd(b, plain)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				err := Flatten(context.Background(), []Blob{blob(data)}, Options{}, func(e *Entry) error {
					if e.Content == nil {
						return nil
					}
					_, err := io.Copy(io.Discard, e.Content)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEntries has many entries and no content.
func BenchmarkEntries(b *testing.B) {
	var lines []string
	for i := range 100_000 {
		lines = append(lines, fmt.Sprintf("file usr/share/doc/d%d/f%d", i/100, i))
	}
	data := archive(b, lines...)
	b.ReportAllocs()
	for b.Loop() {
		if err := Flatten(context.Background(), []Blob{blob(data)}, Options{}, func(*Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
