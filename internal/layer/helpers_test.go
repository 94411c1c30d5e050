package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// The tests describe an archive by lines: "dir a", "file a/b content",
// "link c a/b", "symlink s target", "fifo f", "char d".

func parseEntry(line string) (*tar.Header, string) {
	f := strings.Fields(line)
	h := &tar.Header{Name: f[1], Mode: 0o644, ModTime: time.Unix(1e9, 0)}
	arg := ""
	if len(f) > 2 {
		arg = f[2]
	}
	switch f[0] {
	case "dir":
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
		if arg != "" {
			_, _ = fmt.Sscanf(arg, "%o", &h.Mode)
		}
		return h, ""
	case "link":
		h.Typeflag, h.Linkname = tar.TypeLink, arg
		return h, ""
	case "symlink":
		h.Typeflag, h.Linkname = tar.TypeSymlink, arg
		return h, ""
	case "fifo":
		h.Typeflag = tar.TypeFifo
		return h, ""
	case "char":
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, 1, 3
		return h, ""
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(arg))
		return h, arg
	}
}

func archive(t testing.TB, lines ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, line := range lines {
		h, content := parseEntry(line)
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func blob(data []byte) Blob {
	return Blob{Digest: "sha256:test", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

func stack(t testing.TB, layers ...[]string) []Blob {
	t.Helper()
	var all []Blob
	for i, lines := range layers {
		b := blob(archive(t, lines...))
		b.Digest = fmt.Sprintf("layer%d", i)
		all = append(all, b)
	}
	return all
}

// describe renders an entry: type, name, content or target, links if any.
func describe(e *Entry) (string, error) {
	var content []byte
	if e.Content != nil {
		var err error
		if content, err = io.ReadAll(e.Content); err != nil {
			return "", err
		}
	}
	if int64(len(content)) != e.Header.Size {
		return "", fmt.Errorf("%s: %d bytes of %d", e.Header.Name, len(content), e.Header.Size)
	}
	types := map[byte]string{
		tar.TypeDir: "dir", tar.TypeReg: "file", tar.TypeLink: "link", tar.TypeSymlink: "symlink", tar.TypeFifo: "fifo", tar.TypeChar: "char",
	}
	s := types[e.Header.Typeflag] + " " + e.Header.Name
	if e.Header.Typeflag == tar.TypeDir && e.Header.Mode != 0o755 {
		s += fmt.Sprintf(" %o", e.Header.Mode)
	}
	if arg := string(content) + e.Header.Linkname; arg != "" {
		s += " " + arg
	}
	if e.Links > 1 && e.Header.Typeflag != tar.TypeLink {
		s += fmt.Sprintf(" x%d", e.Links)
	}
	return s, nil
}

func flatten(t testing.TB, layers []Blob, opts Options) ([]string, error) {
	t.Helper()
	var got []string
	err := Flatten(context.Background(), layers, opts, func(e *Entry) error {
		s, err := describe(e)
		got = append(got, s)
		return err
	})
	return got, err
}
