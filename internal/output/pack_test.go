package output

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// packedFormats are those that put content together from packs.
var packedFormats = map[string]string{"kernel+squashfs": "-squashfs.img", "kernel+erofs": "-erofs.img", "kernel+iso": ".iso"}

// TestPacked changes a file of a system whose images are packed already: they
// must not be read, and the result has to be that of a build from nothing.
func TestPacked(t *testing.T) {
	for format, suffix := range packedFormats {
		t.Run(format, func(t *testing.T) {
			sys, store := plan(t, system)
			opts := Options{Dir: t.TempDir(), Name: "x", Arch: "amd64", Cache: store.Derived()}
			before := read(t, write(t, format, sys, opts)+suffix)

			changed, _ := plan(t, strings.Replace(system, "contents: text", "contents: another", 1))
			fresh := opts
			fresh.Cache = nil
			want := read(t, write(t, format, changed, fresh)+suffix)
			if bytes.Equal(before, want) {
				t.Fatal("the file is not in the image")
			}
			unread := *changed
			unread.Segments = nil
			for _, s := range changed.Segments {
				if s.Key != "" {
					s = s.From(func(context.Context, *rootfs.Tree, rootfs.Emit) error { return errors.New("the image is read") })
				}
				unread.Segments = append(unread.Segments, s)
			}
			if got := read(t, write(t, format, &unread, opts)+suffix); !bytes.Equal(got, want) {
				t.Error("with packs of an earlier build the image is another")
			}
			for odd := range 2 {
				loseHalf(t, store, odd)
				if got := read(t, write(t, format, changed, opts)+suffix); !bytes.Equal(got, want) {
					t.Error("with some of the packs the image is another")
				}
			}
		})
	}
}

// loseHalf removes every second file that is derived from images.
func loseHalf(t *testing.T, store *content.Store, odd int) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(store.Dir(), "derived"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if n++; n%2 == odd {
			return os.Remove(name)
		}
		return nil
	})
	if err != nil || n < 4 {
		t.Fatalf("%d derived files, %v", n, err)
	}
}

func TestList(t *testing.T) {
	when := time.Unix(-5, 7)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "a b", Mode: 0o4755, Uid: math.MaxInt, Gid: 5, Size: 1 << 40, ModTime: when, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "\x00", "y": ""}},
		{Typeflag: tar.TypeLink, Name: "b", Linkname: "a b", ModTime: when},
		{Typeflag: tar.TypeChar, Name: "dev/null", Devmajor: 1, Devminor: 3, ModTime: when},
	} {
		h.Format = tar.FormatPAX
		got, err := parseListed(listEntry(&rootfs.Entry{Header: h, Links: 3}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, got.Header); diff != "" || got.Links != 3 {
			t.Errorf("%d links, (-want +got):\n%s", got.Links, diff)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add(listEntry(&rootfs.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: "a", PAXRecords: map[string]string{"b": "c"}}, Links: 1}))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := parseListed(record)
		if err != nil {
			return
		}
		again, err := parseListed(listEntry(e))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e.Header, again.Header); diff != "" {
			t.Error(diff)
		}
	})
}
