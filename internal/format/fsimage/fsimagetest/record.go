// Package fsimagetest makes trees for tests of file system images and compares
// them with what others read from an image.
package fsimagetest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// File is an entry with its content.
type File struct {
	fsimage.Entry
	Content string
}

// Reader is the content as a writer wants it.
func (f *File) Reader() io.Reader {
	if f.Mode&fsimage.TypeMask != fsimage.TypeRegular || f.HardLink != "" {
		return nil
	}
	return strings.NewReader(f.Content)
}

// Record is all that can be seen of a name of a tree.
type Record struct {
	Mode, UID, GID, Device uint32
	ModTime                int64 // in nanoseconds
	Size                   int64 // of regular files
	Sum, Linkname, Xattrs  string
	Links                  uint32 // not of directories
	First                  string // the least name of the file
}

// Expect returns what a tree of the files has to look like, with times cut to
// the precision and for implied directories the time given.
func Expect(files []File, precision time.Duration, implied time.Time) map[string]Record {
	tree := map[string]Record{".": impliedDir(implied)}
	names := map[string][]string{}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if _, ok := tree[dir]; !ok {
				tree[dir] = impliedDir(implied)
			}
		}
		first := f.Path
		if f.HardLink != "" {
			first = tree[f.HardLink].First
			tree[f.Path] = tree[f.HardLink]
		} else {
			tree[f.Path] = record(f, precision)
		}
		names[first] = append(names[first], f.Path)
	}
	return group(tree, names)
}

func impliedDir(t time.Time) Record {
	return Record{Mode: fsimage.TypeDir | 0o755, ModTime: t.UnixNano()}
}

func record(f File, precision time.Duration) Record {
	r := Record{
		Mode: f.Mode, UID: f.UID, GID: f.GID, Linkname: f.Linkname,
		ModTime: f.ModTime.Truncate(precision).UnixNano(), Xattrs: FormatXattrs(f.Xattrs), First: f.Path,
	}
	switch f.Mode & fsimage.TypeMask {
	case fsimage.TypeRegular:
		r.Size, r.Sum = int64(len(f.Content)), fmt.Sprintf("%x", sha256.Sum256([]byte(f.Content)))
	case fsimage.TypeChar, fsimage.TypeBlock:
		r.Device = f.Device()
	case fsimage.TypeDir:
		r.First = ""
	}
	return r
}

func group(tree map[string]Record, names map[string][]string) map[string]Record {
	for _, group := range names {
		for _, name := range group {
			r := tree[name]
			if r.Mode&fsimage.TypeMask != fsimage.TypeDir {
				r.Links, r.First = uint32(len(group)), slices.Min(group)
				tree[name] = r
			}
		}
	}
	return tree
}

// FormatXattrs writes attributes in a form that can be compared.
func FormatXattrs(attrs map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		fmt.Fprintf(&b, "%s=%q ", name, attrs[name])
	}
	return b.String()
}
