package deb

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// real makes a package with dpkg-deb.
func real(t testing.TB, compression string) []byte {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"DEBIAN/control":   "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.org>\nDescription: test\n longer\n",
		"usr/bin/x":        "binary",
		"usr/share/big":    strings.Repeat("0123456789abcdef", 1<<10),
		"etc/x with blank": "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("x", filepath.Join(dir, "usr/bin/y")), os.Link(filepath.Join(dir, "usr/bin/x"), filepath.Join(dir, "usr/bin/z"))); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "x.deb")
	if msg, err := exec.Command("dpkg-deb", "--root-owner-group", "-Z"+compression, "-b", dir, out).CombinedOutput(); err != nil {
		t.Skipf("dpkg-deb -Z%s: %v\n%s", compression, err, msg)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRead(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "xz", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			var control Stanza
			got := map[string]string{}
			err := Read(bytes.NewReader(real(t, compression)), Visitor{
				Control: func(name string, data []byte) error {
					if name == "control" {
						control = ParseControl(string(data))[0]
					}
					return nil
				},
				Data: func(h *tar.Header, r io.Reader) error {
					data, err := io.ReadAll(r)
					got[h.Name] = fmt.Sprintf("%c %s %d", h.Typeflag, h.Linkname, len(data))
					return err
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{
				"etc": "5  0", "etc/x with blank": "0  0", "usr": "5  0", "usr/bin": "5  0", "usr/bin/x": "0  6",
				"usr/bin/y": "2 x 0", "usr/bin/z": "1 usr/bin/x 0", "usr/share": "5  0", "usr/share/big": "0  16384",
			}
			if !maps.Equal(got, want) {
				t.Errorf("entries %v, want %v", got, want)
			}
			if control["Package"] != "x" || control["Description"] != "test\n longer" {
				t.Errorf("control %q", control)
			}
		})
	}
}

// ar makes an archive of name and content pairs.
func ar(members ...string) []byte {
	var b bytes.Buffer
	b.WriteString(arMagic)
	for i := 0; i < len(members); i += 2 {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", members[i], 0, 0, 0, 0o644, len(members[i+1]), members[i+1])
		if len(members[i+1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func tarOf(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHostile(t *testing.T) {
	empty := tarOf(t)
	for name, data := range map[string][]byte{
		"empty":               nil,
		"no archive":          []byte("MZ\x90"),
		"no version":          ar("control.tar", empty),
		"other version":       ar("debian-binary", "3.0\n"),
		"no control":          ar("debian-binary", "2.0\n", "data.tar", empty),
		"no data":             ar("debian-binary", "2.0\n", "control.tar", empty),
		"unknown compression": ar("debian-binary", "2.0\n", "control.tar.lzo", empty),
		"cut short":           ar("debian-binary", "2.0\n", "control.tar", empty)[:100],
		"negative size":       []byte(arMagic + strings.Repeat(" ", 48) + "-5        `\n"),
		"traversal":           ar("debian-binary", "2.0\n", "control.tar", empty, "data.tar", tarOf(t, tar.Header{Typeflag: tar.TypeDir, Name: "a/../../b"})),
		"hard link outside":   ar("debian-binary", "2.0\n", "control.tar", empty, "data.tar", tarOf(t, tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "../b"})),
		"device":              ar("debian-binary", "2.0\n", "control.tar", empty, "data.tar", tarOf(t, tar.Header{Typeflag: tar.TypeChar, Name: "a"})),
		"long name":           ar("debian-binary", "2.0\n", "control.tar", empty, "data.tar", tarOf(t, tar.Header{Typeflag: tar.TypeDir, Name: strings.Repeat("a/", 3000)})),
		"huge dictionary":     ar("debian-binary", "2.0\n", "control.tar.xz", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x28\x00\x00\x00\x00\x00\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			err := Read(bytes.NewReader(data), Visitor{Data: func(*tar.Header, io.Reader) error { return nil }})
			if !errors.Is(err, ErrFormat) {
				t.Errorf("error %v, want ErrFormat", err)
			}
		})
	}
}

func TestVisitorError(t *testing.T) {
	stop := errors.New("stop")
	data := ar("debian-binary", "2.0\n", "_extra", "x", "control.tar", tarOf(t), "data.tar", tarOf(t, tar.Header{Typeflag: tar.TypeDir, Name: "/a"}))
	err := Read(bytes.NewReader(data), Visitor{Data: func(h *tar.Header, _ io.Reader) error {
		if h.Name != "a" {
			t.Errorf("name %q", h.Name)
		}
		return stop
	}})
	if err != stop {
		t.Errorf("error %v, want that of the visitor", err)
	}
}

func TestParseControl(t *testing.T) {
	got := ParseControl("# comment\nA: 1\nB:\n x\n .\n y\n\n\nC: 2: 3\r\nno field\n")
	want := []Stanza{{"A": "1", "B": "\n x\n .\n y"}, {"C": "2: 3"}}
	if !slices.EqualFunc(got, want, func(a, b Stanza) bool { return maps.Equal(a, b) }) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzDeb(f *testing.F) {
	for _, compression := range []string{"none", "gzip", "xz", "zstd"} {
		f.Add(real(f, compression))
	}
	f.Add(ar("debian-binary", "2.0\n", "control.tar", tarOf(f), "data.tar", tarOf(f, tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "/b"})))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Read(bytes.NewReader(data), Visitor{
			Control: func(_ string, data []byte) error { ParseControl(string(data)); return nil },
			Data: func(h *tar.Header, r io.Reader) error {
				if filepath.IsAbs(h.Name) || !filepath.IsLocal(h.Name) || (h.Typeflag == tar.TypeLink && h.Linkname != "" && !filepath.IsLocal(h.Linkname)) {
					t.Errorf("name %q, link to %q", h.Name, h.Linkname)
				}
				_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
				if err != nil {
					return fmt.Errorf("%w: %w", ErrFormat, err)
				}
				return nil
			},
		})
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error %v does not wrap ErrFormat", err)
		}
	})
}
