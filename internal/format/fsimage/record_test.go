package fsimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRecords(t *testing.T) {
	var b bytes.Buffer
	w := NewRecordWriter(&b)
	want := []string{"", "one", strings.Repeat("long", 5000)}
	for _, r := range want {
		if err := w.Write([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	r := NewRecordReader(bytes.NewReader(whole))
	for _, want := range want {
		if got, err := r.Next(); err != nil || string(got) != want {
			t.Errorf("%.10q, %v instead of %.10q", got, err, want)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	r = NewRecordReader(bytes.NewReader(whole[:3]))
	r.Next()
	if _, err := r.Next(); !errors.Is(err, ErrRecord) {
		t.Errorf("a record that ends early: %v", err)
	}
}

func TestFields(t *testing.T) {
	b := binary.AppendVarint(binary.AppendUvarint(nil, 1<<40), -5)
	b = AppendBytes(AppendBytes(b, "text"), []byte{})
	b = append(binary.AppendUvarint(b, 2), 7, 8)
	f := NewFields(b)
	if a, b, c, d := f.Size(), f.Int(), f.Bytes(), f.Bytes(); a != 1<<40 || b != -5 || string(c) != "text" || len(d) != 0 {
		t.Errorf("%d %d %q %q", a, b, c, d)
	}
	if n, a, b := f.Count(), f.Uint(), f.Uint(); n != 2 || a != 7 || b != 8 || f.End() != nil {
		t.Errorf("%d: %d %d, %v", n, a, b, f.End())
	}
	for name, bad := range map[string]*Fields{"missing": NewFields(nil), "more": NewFields([]byte{1, 2}), "unending": NewFields([]byte{0x80})} {
		if bad.Uint(); !errors.Is(bad.End(), ErrRecord) {
			t.Errorf("%s: %v", name, bad.End())
		}
	}
	for name, bad := range map[string]func(*Fields){
		"bytes": func(f *Fields) { f.Bytes() }, "count": func(f *Fields) { f.Count() },
	} {
		f := NewFields([]byte{9, 1})
		if bad(f); !errors.Is(f.End(), ErrRecord) {
			t.Errorf("%s: %v", name, f.End())
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte{1, 2, 0, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewRecordReader(bytes.NewReader(data))
		for total := 0; ; {
			record, err := r.Next()
			if err != nil {
				break
			}
			if total += len(record) + 1; total > len(data) {
				t.Fatalf("records of %d bytes out of %d", total, len(data))
			}
		}
	})
}
