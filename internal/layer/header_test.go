package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

func one(t *testing.T, layers []Blob, check func(e *Entry) error) {
	t.Helper()
	n := 0
	err := Flatten(context.Background(), layers, Options{}, func(e *Entry) error {
		n++
		return check(e)
	})
	if err != nil || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
}

func TestHeaderIsKept(t *testing.T) {
	h := &tar.Header{
		Typeflag: tar.TypeChar, Name: "./a", Mode: 0o4755, Uid: 3, Gid: 4, Uname: "u", Gname: "g", Devmajor: 5, Devminor: 6,
		ModTime:    time.Unix(1600000000, 500_000_000),
		PAXRecords: map[string]string{"SCHILY.xattr.user.foo": "bar\x00", "VENDOR.x": "y"},
		Format:     tar.FormatPAX,
	}
	one(t, []Blob{blob(archiveOf(t, h))}, func(e *Entry) error {
		got := *e.Header
		want := tar.Header{
			Typeflag: tar.TypeChar, Name: "a", Mode: 0o4755, Uid: 3, Gid: 4, Uname: "u", Gname: "g", Devmajor: 5, Devminor: 6,
			ModTime: h.ModTime, PAXRecords: h.PAXRecords, Format: tar.FormatPAX,
		}
		// Package tar still fills the deprecated field beside PAXRecords.
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(tar.Header{}, "Xattrs")); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

// TestCarrierTakesHeader checks that a file whose first name is gone keeps its
// attributes under the next.
func TestCarrierTakesHeader(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "a", Mode: 0o4711, Uid: 7, Size: 2, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "c"}},
		{Typeflag: tar.TypeLink, Name: "b", Linkname: "a"},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("hi")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	one(t, append([]Blob{blob(buf.Bytes())}, stack(t, []string{"file .wh.a"})...), func(e *Entry) error {
		h := e.Header
		if h.Name != "b" || h.Typeflag != tar.TypeReg || h.Mode != 0o4711 || h.Uid != 7 || h.Linkname != "" || e.Links != 1 ||
			h.PAXRecords["SCHILY.xattr.security.capability"] != "c" {
			return fmt.Errorf("got %+v, %d links", h, e.Links)
		}
		return nil
	})
}

func TestUnknownTypes(t *testing.T) {
	for _, kind := range []byte{'s', 'V', 'M', 'D', '9'} {
		data := archiveOf(t, &tar.Header{Typeflag: tar.TypeReg, Name: "a", Format: tar.FormatUSTAR})
		patchType(data, kind)
		if _, err := flatten(t, []Blob{blob(data)}, Options{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("type %q: %v", kind, err)
		}
	}
	data := archiveOf(t, &tar.Header{Typeflag: tar.TypeReg, Name: "a", Format: tar.FormatUSTAR})
	patchType(data, tar.TypeCont)
	one(t, []Blob{blob(data)}, func(e *Entry) error {
		if e.Header.Typeflag != tar.TypeReg {
			return fmt.Errorf("type %q", e.Header.Typeflag)
		}
		return nil
	})
}

// patchType changes the type in the first header and mends its checksum.
func patchType(data []byte, kind byte) {
	data[156] = kind
	copy(data[148:156], "        ")
	sum := 0
	for _, b := range data[:512] {
		sum += int(b)
	}
	copy(data[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func TestGlobalHeaderIsIgnored(t *testing.T) {
	global := &tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}
	data := archiveOf(t, global, &tar.Header{Typeflag: tar.TypeReg, Name: "a"})
	got, err := flatten(t, []Blob{blob(data)}, Options{})
	if err != nil || len(got) != 1 || got[0] != "file a" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestHeadersAreSeparate lets the receiver change what it gets.
func TestHeadersAreSeparate(t *testing.T) {
	layers := stack(t, []string{"dir d", "file d/a 1", "link d/b d/a", "link d/c d/a"})
	var names []string
	err := Flatten(context.Background(), layers, Options{}, func(e *Entry) error {
		names = append(names, e.Header.Name+"="+e.Header.Linkname)
		e.Header.Name, e.Header.Linkname = "prefix/"+e.Header.Name, "changed"
		return nil
	})
	if diff := cmp.Diff([]string{"d=", "d/a=", "d/b=d/a", "d/c=d/a"}, names); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestOldSparseFile reads a file of which the archive has one block only.
func TestOldSparseFile(t *testing.T) {
	const size = 8 << 30
	read := int64(0)
	layers := []Blob{blob(compresstest.Gzip(t, sparseArchive(size))), blob(archiveOf(t, &tar.Header{Typeflag: tar.TypeDir, Name: "d"}))}
	err := Flatten(context.Background(), layers, Options{}, func(e *Entry) error {
		if e.Header.Name != "sparse" {
			return nil
		}
		if e.Header.Typeflag != tar.TypeReg || e.Header.Size != size {
			return fmt.Errorf("got %+v", e.Header)
		}
		// 8 GiB take a while to read, their beginning does not.
		n, err := io.Copy(io.Discard, io.LimitReader(e.Content, 64<<20))
		read += n
		return err
	})
	if err != nil || read != 64<<20 {
		t.Errorf("read %d bytes, %v", read, err)
	}
}

// sparseArchive has a file with a hole of size-512 bytes and a block of data,
// in the form of old GNU tar.
func sparseArchive(size int64) []byte {
	var h [512]byte
	copy(h[0:], "sparse")
	copy(h[100:], "0000644\x00")
	copy(h[108:], "0000000\x00")
	copy(h[116:], "0000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00", 512))
	copy(h[136:], "00000000000\x00")
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	copy(h[386:], fmt.Sprintf("%011o\x00%011o\x00", size-512, 512))
	// The size has to be in base 256 if it is 8 GiB or more.
	h[483] = 0x80
	for i := range 8 {
		h[483+4+i] = byte(size >> (56 - 8*i))
	}
	patchType(h[:], tar.TypeGNUSparse)
	return append(h[:], make([]byte, 512+1024)...)
}
