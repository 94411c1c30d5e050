package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompareFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	long := strings.Repeat("x", 3*readBuffer)
	for _, c := range []struct {
		a, b string
		want int64 // the offset, -1 if they are equal
	}{
		{"", "", -1},
		{"same", "same", -1},
		{long, long, -1},
		{"same", "samy", 3},
		{"same", "sam", 3},
		{"", "x", 0},
		{long + "a", long + "b", int64(len(long))},
	} {
		for name, text := range map[string]string{a: c.a, b: c.b} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d, err := CompareFiles(t.Context(), a, b)
		if err != nil || (d == nil) != (c.want < 0) || d != nil && (d.Offset != c.want || d.Trees != nil) {
			t.Errorf("%.5q and %.5q: %+v, %v, want %d", c.a, c.b, d, err, c.want)
		}
	}
	if _, err := CompareFiles(t.Context(), a, filepath.Join(dir, "missing")); err == nil {
		t.Error("no error for a file that is not there")
	}
	if err := os.Truncate(a, 0); err != nil {
		t.Fatal(err)
	}
	if d, err := CompareFiles(t.Context(), a, dir); err == nil {
		t.Errorf("an empty file and what cannot be read: %+v", d)
	}
}
