package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
)

// GeneratedTime is the modification time of all generated entries:
// 2017-04-18 16:30:00 UTC.
var GeneratedTime = time.Unix(1492533000, 0).UTC()

// Entry is one file of the tree; its Header.Name is relative and clean.
type Entry = layer.Entry

// Emit receives the entries of a segment. Content must be read before it
// returns.
type Emit func(*Entry) error

// Segment is one part of the root filesystem.
type Segment struct {
	// Source and Location say where the entries come from; they become the
	// LINUXKIT.source and LINUXKIT.location records of tar output. Source is
	// empty for files about the tree, which have no records and come last.
	Source, Location string
	// Key identifies the entries, order included: equal keys mean equal
	// entries. It is empty for small generated segments, which are not worth
	// keeping.
	Key string
	// Title names the segment in progress messages; empty means none is shown.
	Title string

	walk func(ctx context.Context, t *Tree, emit Emit) error
	// image is what the entries are made from; nil for generated ones.
	image *image.Image
}

// Walk produces the entries of s in order: directories before what they hold,
// the carrier of a hard link before its links. Tree must know the segments
// before s.
func (s *Segment) Walk(ctx context.Context, t *Tree, emit Emit) error {
	if err := s.walk(ctx, t, emit); err != nil {
		if s.Source == "" {
			return fmt.Errorf("add %s: %w", s.Location, err)
		}
		return fmt.Errorf("assemble %s from %s: %w", s.Location, s.Source, err)
	}
	return nil
}

// From returns the segment with its entries coming from walk, which knows them
// from an earlier walk over s.
func (s *Segment) From(walk func(ctx context.Context, t *Tree, emit Emit) error) *Segment {
	known := *s
	known.walk = walk
	return &known
}

// BootFile is a file that boots the system rather than being part of its tree.
type BootFile struct {
	// Name is "kernel" or "ucode.cpio"; its place in tar output is below boot.
	Name string
	// Key identifies the content.
	Key string
	// Read calls fn with the size, mode and content of the file.
	Read func(ctx context.Context, fn func(size, mode int64, r io.Reader) error) error

	image *image.Image
}

// System is a root filesystem ready to be encoded.
type System struct {
	// HasKernel is set if the configuration has a kernel section with an image.
	HasKernel bool
	// KernelSource is the reference of the kernel image.
	KernelSource string
	Cmdline      string
	// Kernel and UCode are nil if there is none.
	Kernel, UCode *BootFile
	// KernelConfig reads the build configuration of the kernel, if the image
	// holds one; nil otherwise.
	KernelConfig func(ctx context.Context) ([]byte, error)
	Segments     []*Segment
	// Unpacked are the images whose files are in the tree, in the order in
	// which they were put there.
	Unpacked []Unpacked
}

// Unpacked is an image that became part of the tree.
type Unpacked struct {
	Image *image.Image
	// Location says what it is used for; Prefix is the directory that holds
	// its files, empty for the root.
	Location, Prefix string
}

// AddFile adds a file about the tree as its last entry: mode 0644, owned by
// root. Open is called for each time the tree is encoded. The error says that
// name leaves the tree.
func (s *System) AddFile(name string, size int64, open func() io.Reader) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	if name == "" || name == "." {
		return errors.New("a file needs a name")
	}
	s.Segments = append(s.Segments, &Segment{
		Location: name,
		walk: func(_ context.Context, t *Tree, emit Emit) error {
			for _, d := range prefixDirs(parent(name)) {
				if t.HasDir(d.Header.Name) {
					continue
				}
				if err := emit(d); err != nil {
					return err
				}
			}
			e := fileEntry(name, 0o644, nil)
			e.Header.Size, e.Content = size, open()
			return emit(e)
		},
	})
	return nil
}

// keyOf returns a key for the given parts.
func keyOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
