// Package inspect reads outputs of builds back as trees of files, to measure
// and to compare them.
//
// It owns how the files in an output are found and what counts as the same
// file. It mounts and executes nothing, needs no privileges, and keeps no
// content: of a file it knows size and digest.
package inspect

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// Tree is what an output holds, as it is after everything was unpacked.
type Tree struct {
	// Path is where it was read from.
	Path string
	// Format is the name of the output format, or "yaml" for what would be
	// built.
	Format string
	// Stored is the number of bytes that the output occupies, 0 if it was not
	// written.
	Stored int64
	// Entries are sorted by name. Kernel, command line and microcode are below
	// boot.
	Entries []*Entry
	// Segments are the parts that the tree was put together from, in order.
	Segments []*Segment
	// Cmdline is the kernel's.
	Cmdline string
	// Release are the versions of the kernel that there are modules for.
	Release []string
}

// Segment is a part of the tree that comes from one source.
type Segment struct {
	// Location is what it is used for, such as "init[0]", and Source the image;
	// where an output does not say that, Location is its number and Source the
	// directory that holds all of it.
	Location, Source string
	// Stored is the number of bytes it occupies in the output, if that is
	// known: compressed, if the output is.
	Stored int64
}

// Entry is a path of the tree.
type Entry struct {
	// Name is relative and clean.
	Name string
	// Type is a type flag of package tar; hard links are files.
	Type     byte
	Mode     int64
	UID, GID int
	ModTime  time.Time
	// Link is the target of a symbolic link.
	Link string
	// Major and Minor are those of a device.
	Major, Minor int64
	// Content is that of a file. Hard links share it.
	Content *Content
	// Segment is where the entry comes from.
	Segment *Segment
	// Bare says that the output does not tell mode and owner.
	Bare bool
}

// Content is what is in a file.
type Content struct {
	Size   int64
	SHA256 [sha256.Size]byte
	// Holder is the first name of the file in the tree.
	Holder string
}

// Own is the number of bytes that the entry adds to the tree: the size of a
// file under its first name.
func (e *Entry) Own() int64 {
	if e.Content == nil || e.Content.Holder != e.Name {
		return 0
	}
	return e.Content.Size
}

// TypeName is what people call the type of e.
func (e *Entry) TypeName() string {
	switch e.Type {
	case tar.TypeDir:
		return "directory"
	case tar.TypeReg:
		return "file"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeChar:
		return "character device"
	case tar.TypeBlock:
		return "block device"
	case tar.TypeFifo:
		return "fifo"
	default:
		return fmt.Sprintf("type %q", e.Type)
	}
}

// Hex is the digest in hexadecimal.
func (c *Content) Hex() string { return hex.EncodeToString(c.SHA256[:]) }

// Builder makes a tree from the entries of an output, in their order: later
// ones replace earlier ones of the same name. Readers of formats use it.
type Builder struct {
	tree    *Tree
	paths   map[string]*Entry
	segment *Segment
}

// NewBuilder returns a builder of a tree that is empty.
func NewBuilder(path, format string) *Builder {
	return &Builder{tree: &Tree{Path: path, Format: format}, paths: map[string]*Entry{}}
}

// Begin says that the entries to come are from one source.
func (b *Builder) Begin(location, source string) *Segment {
	if s := b.segment; s != nil && s.Location == location && s.Source == source {
		return s
	}
	for _, s := range b.tree.Segments {
		if s.Location == location && s.Source == source {
			b.segment = s
			return s
		}
	}
	b.segment = &Segment{Location: location, Source: source}
	b.tree.Segments = append(b.tree.Segments, b.segment)
	return b.segment
}

// Add adds an entry with its content, which may be nil if it has none.
func (b *Builder) Add(h *tar.Header, content io.Reader) error {
	name := cleanName(h.Name)
	if name == "" {
		return nil
	}
	e := &Entry{
		Name: name, Type: h.Typeflag, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime,
		Major: h.Devmajor, Minor: h.Devminor, Segment: b.segment,
	}
	switch h.Typeflag {
	case tar.TypeLink:
		target, ok := b.paths[cleanName(h.Linkname)]
		if !ok {
			return fmt.Errorf("%s is a hard link to %s, which is not there", h.Name, h.Linkname)
		}
		*e = *target
		e.Name, e.Segment = name, b.segment
	case tar.TypeSymlink:
		e.Link = h.Linkname
	case tar.TypeReg:
		var err error
		if e.Content, err = digest(content, h.Size); err != nil {
			return fmt.Errorf("read %s: %w", h.Name, err)
		}
	}
	b.paths[name] = e
	return nil
}

func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

func digest(r io.Reader, size int64) (*Content, error) {
	sum := sha256.New()
	if r == nil {
		r = strings.NewReader("")
	}
	n, err := io.Copy(sum, r)
	if err == nil && n != size {
		err = fmt.Errorf("it has %d bytes instead of %d", n, size)
	}
	c := &Content{Size: n}
	sum.Sum(c.SHA256[:0])
	return c, err
}

// Tree returns the finished tree.
func (b *Builder) Tree() *Tree {
	t := b.tree
	for _, e := range b.paths {
		t.Entries = append(t.Entries, e)
	}
	slices.SortFunc(t.Entries, func(x, y *Entry) int { return strings.Compare(x.Name, y.Name) })
	for _, e := range t.Entries {
		if e.Content != nil && e.Content.Holder == "" {
			e.Content.Holder = e.Name
		}
		if release, ok := release(e); ok {
			t.Release = append(t.Release, release)
		}
	}
	return t
}

// release is the version that a directory of modules is for.
func release(e *Entry) (string, bool) {
	name := strings.TrimPrefix(e.Name, "usr/")
	version, ok := strings.CutPrefix(name, "lib/modules/")
	return version, ok && e.Type == tar.TypeDir && !strings.Contains(version, "/")
}
