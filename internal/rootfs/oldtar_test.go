package rootfs

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// keyed returns a tar of files with keys.
func keyed(t testing.TB, items ...[3]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, i := range items {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: i[1], Size: int64(len(i[2])), Mode: 0o644, Format: tar.FormatPAX}
		if target, ok := strings.CutPrefix(i[2], "-> "); ok {
			h.Typeflag, h.Linkname, h.Size, i[2] = tar.TypeLink, target, 0, ""
		}
		h.PAXRecords = map[string]string{"LINUXKIT.source": "x", "USER.own": "kept"}
		if i[0] != "" {
			h.PAXRecords[RecordKey] = i[0]
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i[2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func openOld(t testing.TB, data []byte) (*OldTar, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "old.tar")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	old, err := OpenOldTar(t.Context(), name)
	if err == nil {
		t.Cleanup(func() { old.Close() })
	}
	return old, err
}

func TestOldTarSpans(t *testing.T) {
	old, err := openOld(t, keyed(t,
		[3]string{"", "generated", "g"},
		[3]string{"one", "a", "A"}, [3]string{"one", "b", strings.Repeat("B", 1000)}, [3]string{"one", "c", "-> a"},
		[3]string{"two", "a", "other"},
		[3]string{"", "end", ""},
	))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"one": "a:1:2 b:1000:1 c:0:1", "two": "a:5:1"} {
		var got []string
		err := old.walk(t.Context(), key, func(e *Entry) error {
			n := int64(0)
			if e.Content != nil {
				n, _ = io.Copy(io.Discard, e.Content)
			}
			got = append(got, e.Header.Name+":"+strconv.FormatInt(n, 10)+":"+strconv.Itoa(e.Links))
			if e.Header.PAXRecords["LINUXKIT.source"] != "" || e.Header.PAXRecords[RecordKey] != "" || e.Header.PAXRecords["USER.own"] != "kept" {
				t.Errorf("records of %s are %v", e.Header.Name, e.Header.PAXRecords)
			}
			return nil
		})
		if s := strings.Join(got, " "); err != nil || s != want {
			t.Errorf("%s: %q, %v, want %q", key, s, err, want)
		}
	}
	if old.has("three") || old.has("") {
		t.Error("it has what it does not have")
	}
}

func FuzzOldTar(f *testing.F) {
	f.Add(keyed(f, [3]string{"one", "a", "A"}, [3]string{"one", "b", "-> a"}, [3]string{"", "c", "C"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		old, err := openOld(t, data)
		if err != nil {
			return
		}
		for key := range old.spans {
			err := old.walk(t.Context(), key, func(e *Entry) error {
				if e.Content != nil {
					if _, err := io.CopyN(io.Discard, e.Content, 1<<20); err != nil && err != io.EOF {
						return err
					}
				}
				return nil
			})
			_ = err // a tar that changes or lies may fail, not panic
		}
	})
}
