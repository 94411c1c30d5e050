package output

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// segmentAlign is the boundary on which archives of the initrd begin, so that
// file systems that share blocks can share those of the cached segments.
const segmentAlign = 4096

// writeInitrd writes the tree as a sequence of compressed cpio archives, which
// the kernel unpacks one over the other: the microcode, one archive for each
// segment that has a key, and one for all the rest.
//
// See Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
func (b *build) writeInitrd(ctx context.Context, w io.Writer) error {
	c, err := b.initrdCodec(ctx)
	if err != nil {
		return err
	}
	out := &alignedWriter{w: w}
	if err := b.writeUCode(ctx, out); err != nil {
		return err
	}
	keyed, rest := splitSegments(b.Segments)
	encoded, err := b.encodeSegments(ctx, keyed, c)
	defer closeAll(encoded)
	if err != nil {
		return err
	}
	var tree rootfs.Tree
	for _, e := range encoded {
		if err := e.appendTo(out, &tree, c); err != nil {
			return err
		}
	}
	return b.writeRest(ctx, out, &tree, rest, c)
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

// writeUCode puts the microcode in front, uncompressed, where the kernel looks
// for it before anything is unpacked.
func (b *build) writeUCode(ctx context.Context, out *alignedWriter) error {
	if b.UCode == nil {
		return nil
	}
	f, err := b.bootFile(ctx, b.UCode)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(out, f)
	return err
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
	return encoded, g.Wait()
}

// archive is the encoded form of a segment: a compressed cpio archive, and the
// list of the paths in it.
type archive struct {
	segment *rootfs.Segment
	data    *os.File
	paths   *os.File
}

func closeAll(all []*archive) {
	for _, a := range all {
		if a != nil {
			a.close()
		}
	}
}

func (a *archive) close() {
	if a.data != nil {
		a.data.Close()
	}
	if a.paths != nil {
		a.paths.Close()
	}
}

func (b *build) encodeSegment(ctx context.Context, s *rootfs.Segment, c codec) (*archive, error) {
	key := fmt.Sprintf("cpio/%d/%s/%s", archiveVersion, c, s.Key)
	a := &archive{segment: s}
	var err error
	a.data, err = b.derive(ctx, key, func(w io.Writer) error {
		list, err := encodeArchive(ctx, s, c, w)
		if err != nil {
			return err
		}
		a.paths, err = b.derive(ctx, key+"/paths", func(w io.Writer) error {
			_, err := w.Write(list)
			return err
		})
		return err
	})
	if err == nil && a.paths == nil {
		a.paths, err = b.derive(ctx, key+"/paths", func(w io.Writer) error { return b.listPaths(ctx, s, w) })
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// listPaths makes the list of paths anew, for an archive whose own was lost.
func (b *build) listPaths(ctx context.Context, s *rootfs.Segment, w io.Writer) error {
	list, err := encodeArchive(ctx, s, gzipCodec, io.Discard)
	if err != nil {
		return err
	}
	_, err = w.Write(list)
	return err
}

// appendTo adds the archive to the initrd, preceded by a small one where the
// tree so far needs it.
func (a *archive) appendTo(out *alignedWriter, tree *rootfs.Tree, c codec) error {
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
		if err := out.align(); err != nil {
			return err
		}
		if err := encodeEntries(fixes, c, out); err != nil {
			return err
		}
	}
	if err := out.align(); err != nil {
		return err
	}
	_, err = io.Copy(out, a.data)
	return err
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
		kind, name := item[0], item[1:]
		if kind == kindNeeded {
			if !tree.HasDir(name) {
				fixes = append(fixes, plainDir(name))
			}
			kind = byte(rootfs.KindDir)
		}
		broken, err := tree.Add(name, rootfs.Kind(kind))
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

// writeRest writes all segments without key as one archive.
func (b *build) writeRest(ctx context.Context, out *alignedWriter, tree *rootfs.Tree, rest []*rootfs.Segment, c codec) error {
	if err := out.align(); err != nil {
		return err
	}
	enc, err := newEncoder(out, c)
	if err != nil {
		return err
	}
	for _, s := range rest {
		if s.Title != "" {
			progress.Infof(ctx, "%s", s.Title)
		}
		tree.Begin(s)
		err := s.Walk(ctx, tree, func(e *rootfs.Entry) error {
			for _, dir := range missingParents(tree, e.Header.Name) {
				if err := enc.entry(plainDir(dir)); err != nil {
					return err
				}
			}
			broken, err := tree.Add(e.Header.Name, rootfs.KindOf(e))
			if err != nil {
				return err
			}
			if broken {
				if err := enc.entry(placeholder(e.Header.Name)); err != nil {
					return err
				}
			}
			return enc.entry(e)
		})
		if err != nil {
			return err
		}
	}
	return enc.close()
}

// missingParents returns the directories above name that do not exist, the
// outermost first.
func missingParents(tree *rootfs.Tree, name string) []string {
	var missing []string
	for i, c := range name {
		if c == '/' && !tree.HasDir(name[:i]) {
			missing = append(missing, name[:i])
		}
	}
	return missing
}
