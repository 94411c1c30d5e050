package output

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// initrd returns the tree as a sequence of compressed cpio archives, which the
// kernel unpacks one over the other: one archive for each segment that has a
// key, and one for all the rest. Nothing is copied: the pieces are the files
// in the cache.
//
// See Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
func (b *build) initrd(ctx context.Context) (*disk.Image, error) {
	if b.wholeInitrd != nil {
		return b.wholeInitrd, nil
	}
	c, err := b.initrdCodec(ctx)
	if err != nil {
		return nil, err
	}
	keyed, rest := splitSegments(b.Segments)
	encoded, err := b.encodeSegments(ctx, keyed, c)
	defer closePaths(encoded)
	if err != nil {
		return nil, err
	}
	var out pieces
	var tree rootfs.Tree
	for _, e := range encoded {
		if err := e.appendTo(&out, &tree, c); err != nil {
			return nil, err
		}
	}
	if err := b.appendRest(ctx, &out, &tree, rest, c); err != nil {
		return nil, err
	}
	b.wholeInitrd, err = out.image()
	return b.wholeInitrd, err
}

// microcodeAnd returns the microcode with an initrd behind it. It is not
// compressed and in front, where the kernel looks for it before anything is
// unpacked. Either may be missing; without both the result is empty.
func (b *build) microcodeAnd(ctx context.Context, initrd *disk.Image) (*disk.Image, error) {
	if b.UCode == nil && initrd != nil {
		return initrd, nil
	}
	var out pieces
	if b.UCode != nil {
		u, err := b.ucode(ctx)
		if err != nil {
			return nil, err
		}
		out.add(u.data, u.size)
	}
	if initrd != nil {
		out.align()
		out.add(initrd, initrd.Size)
	}
	return out.image()
}

// bootInitrd returns the initrd with the microcode, if there is some.
func (b *build) bootInitrd(ctx context.Context) (*disk.Image, error) {
	initrd, err := b.initrd(ctx)
	if err != nil {
		return nil, err
	}
	return b.microcodeAnd(ctx, initrd)
}

// splitSegments separates what can be kept from what is made anew each time.
// Segments without key may follow all others: they hold nothing that an image
// replaces.
func splitSegments(all []*rootfs.Segment) (keyed, rest []*rootfs.Segment) {
	for _, s := range all {
		if s.Key != "" {
			keyed = append(keyed, s)
		} else {
			rest = append(rest, s)
		}
	}
	return keyed, rest
}

// encodeSegments returns the archive of each segment, several made at a time.
func (b *build) encodeSegments(ctx context.Context, segments []*rootfs.Segment, c codec) ([]*archive, error) {
	encoded := make([]*archive, len(segments))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i, s := range segments {
		g.Go(func() (err error) {
			if s.Title != "" {
				progress.Infof(ctx, "%s", s.Title)
			}
			encoded[i], err = b.encodeSegment(ctx, s, c)
			return err
		})
	}
	err := g.Wait()
	for _, a := range encoded {
		if a != nil {
			b.keep(a.data)
		}
	}
	return encoded, err
}

// archive is the encoded form of a segment: a compressed cpio archive, and the
// list of the paths in it.
type archive struct {
	segment *rootfs.Segment
	data    *os.File
	paths   *os.File
}

// closePaths closes the lists of paths.
func closePaths(all []*archive) {
	for _, a := range all {
		if a != nil {
			a.paths.Close()
		}
	}
}

func (b *build) encodeSegment(ctx context.Context, s *rootfs.Segment, c codec) (*archive, error) {
	key := fmt.Sprintf("cpio/%d/%s/%s", archiveVersion, c, s.Key)
	files, err := b.deriveAll(ctx, []string{key, key + "/paths"}, func(w []io.Writer) error {
		return encodeArchive(ctx, s, c, w[0], w[1])
	})
	if err != nil {
		return nil, err
	}
	return &archive{segment: s, data: files[0], paths: files[1]}, nil
}

// appendTo adds the archive to the initrd, preceded by a small one where the
// tree so far needs it.
func (a *archive) appendTo(out *pieces, tree *rootfs.Tree, c codec) error {
	list, err := io.ReadAll(a.paths)
	if err != nil {
		return err
	}
	tree.Begin(a.segment)
	fixes, err := a.fixes(tree, string(list))
	if err != nil {
		return err
	}
	if len(fixes) > 0 {
		var small bytes.Buffer
		if err := encodeEntries(fixes, c, &small); err != nil {
			return err
		}
		out.align()
		out.add(bytes.NewReader(small.Bytes()), int64(small.Len()))
	}
	return out.addFile(a.data)
}

// fixes returns entries that have to be there before the archive is unpacked:
// directories that it supposes and nothing made; and something that is not a
// file in the place of a file with several names, because the kernel would
// write the new content into the old file, and so change its other names.
func (a *archive) fixes(tree *rootfs.Tree, list string) ([]*rootfs.Entry, error) {
	var fixes []*rootfs.Entry
	for item := range strings.SplitSeq(list, "\x00") {
		if item == "" {
			continue
		}
		kind, name := rootfs.Kind(item[0]), item[1:]
		if kind == kindNeeded {
			if !tree.HasDir(name) {
				fixes = append(fixes, plainDir(name))
			}
			kind = rootfs.KindDir
		}
		broken, err := tree.Add(name, kind)
		if err != nil {
			return nil, err
		}
		if broken {
			fixes = append(fixes, placeholder(name))
		}
	}
	return fixes, nil
}

func plainDir(name string) *rootfs.Entry {
	return &rootfs.Entry{Header: &tar.Header{
		Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: rootfs.GeneratedTime,
	}, Links: 1}
}

func placeholder(name string) *rootfs.Entry {
	return &rootfs.Entry{Header: &tar.Header{
		Typeflag: tar.TypeSymlink, Name: name, Linkname: ".", Mode: 0o777, ModTime: rootfs.GeneratedTime,
	}, Links: 1}
}

// appendRest adds all segments without key as one archive.
func (b *build) appendRest(ctx context.Context, out *pieces, tree *rootfs.Tree, rest []*rootfs.Segment, c codec) error {
	f, err := b.temp(func(f *os.File) (err error) {
		enc, err := newEncoder(f, c)
		if err != nil {
			return err
		}
		defer closeWith(enc.close, &err)
		if err := b.bootDirectory(tree, enc); err != nil {
			return err
		}
		for _, s := range rest {
			if s.Title != "" {
				progress.Infof(ctx, "%s", s.Title)
			}
			err := tree.Walk(ctx, insideTree(s), func(e *rootfs.Entry, broken bool) error { return enc.over(tree, e, broken) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.addFile(f)
}

// bootDirectory writes the directory of what boots the system. It is there, but
// empty.
func (b *build) bootDirectory(tree *rootfs.Tree, enc *encoder) error {
	if !b.HasKernel || tree.HasDir("boot") {
		return nil
	}
	tree.Begin(&rootfs.Segment{Source: b.KernelSource, Location: "kernel"})
	if _, err := tree.Add("boot", rootfs.KindDir); err != nil {
		return err
	}
	return enc.entry(plainDir("boot"))
}

// over writes an entry that is unpacked over a tree, with the directories that
// it lacks.
func (e *encoder) over(tree *rootfs.Tree, entry *rootfs.Entry, broken bool) error {
	missing, err := tree.AddParents(entry.Header.Name)
	if err != nil {
		return err
	}
	for _, dir := range missing {
		if err := e.entry(plainDir(dir)); err != nil {
			return err
		}
	}
	if broken {
		if err := e.entry(placeholder(entry.Header.Name)); err != nil {
			return err
		}
	}
	return e.entry(entry)
}
