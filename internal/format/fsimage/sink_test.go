package fsimage

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tempFile(t *testing.T, content string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// onlyWriter hides that the target is a file.
type onlyWriter struct{ io.WriterAt }

func TestSink(t *testing.T) {
	const text = "0123456789"
	for name, c := range map[string]struct {
		data io.ReaderAt
		file bool
	}{
		"file to file":   {tempFile(t, text), true},
		"memory to file": {strings.NewReader(text), true},
		"file to other":  {tempFile(t, text), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t, strings.Repeat("old", 20))
			var target Target = f
			if !c.file {
				target = onlyWriter{f}
			}
			s, p := NewSink(target), &Pack{Data: c.data}
			// The first two go together, the others do not.
			for _, r := range [][3]int64{{2, 3, 4}, {5, 2, 7}, {7, 1, 12}, {0, 1, 13}} {
				if err := s.Copy(t.Context(), p, r[0], r[1], r[2]); err != nil {
					t.Fatal(err)
				}
			}
			for at, b := range map[int64]string{0: "head", 9: "mid"} {
				if err := s.Write([]byte(b), at); err != nil {
					t.Fatal(err)
				}
			}
			size, err := s.Finish(t.Context(), 14, 16)
			if err != nil || size != 16 {
				t.Fatalf("%d, %v", size, err)
			}
			got, err := os.ReadFile(f.Name())
			if err != nil || !bytes.Equal(got[:16], []byte("head23456mid70\x00\x00")) || c.file && len(got) != 16 {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestSinkShort(t *testing.T) {
	for name, data := range map[string]io.ReaderAt{"file": tempFile(t, "short"), "memory": strings.NewReader("short")} {
		s := NewSink(tempFile(t, ""))
		if err := s.Copy(t.Context(), &Pack{Data: data}, 0, 6, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(t.Context(), 6, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
