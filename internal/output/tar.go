package output

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// dockerfile makes a tar of the docker format a build context.
const dockerfile = "\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT [\"/bin/rc.init\"]\n"

func writeDocker(ctx context.Context, b *build, w io.Writer) error {
	t := newTarWriter(w)
	tree, about := b.Segments, []*rootfs.Segment(nil)
	if i := slices.IndexFunc(tree, func(s *rootfs.Segment) bool { return s.Source == "" }); i >= 0 {
		tree, about = tree[:i], tree[i:]
	}
	if err := t.system(ctx, b, tree); err != nil {
		return err
	}
	if err := t.entry(fileEntry("Dockerfile", 0o644, int64(len(dockerfile)), strings.NewReader(dockerfile))); err != nil {
		return err
	}
	if err := t.segments(ctx, about); err != nil {
		return err
	}
	return t.w.Close()
}

func writeTar(ctx context.Context, b *build, w io.Writer) error {
	t := newTarWriter(w)
	if err := t.system(ctx, b, b.Segments); err != nil {
		return err
	}
	return t.w.Close()
}

// tarWriter writes a tree as a POSIX pax archive whose entries name the image
// they come from.
type tarWriter struct {
	w    *tar.Writer
	tree rootfs.Tree
	// records are added to each entry; nil adds none.
	records map[string]string
}

func newTarWriter(w io.Writer) *tarWriter { return &tarWriter{w: tar.NewWriter(w)} }

func (t *tarWriter) system(ctx context.Context, b *build, segments []*rootfs.Segment) error {
	if b.HasKernel {
		if err := t.boot(ctx, b); err != nil {
			return err
		}
	}
	return t.segments(ctx, segments)
}

func (t *tarWriter) segments(ctx context.Context, segments []*rootfs.Segment) error {
	for _, s := range segments {
		if s.Title != "" {
			progress.Infof(ctx, "%s", s.Title)
		}
		t.from(s.Source, s.Location, s.Key)
		if err := t.tree.Walk(ctx, s, func(e *rootfs.Entry, _ bool) error { return t.entry(e) }); err != nil {
			return err
		}
	}
	t.records = nil
	return nil
}

// from sets the records that say where the entries that follow come from;
// without source they have none.
func (t *tarWriter) from(source, location, key string) {
	if source == "" {
		t.records = map[string]string{}
		return
	}
	t.records = map[string]string{rootfs.RecordSource: source, rootfs.RecordLocation: location}
	if key != "" {
		t.records[rootfs.RecordKey] = key
	}
}

// boot writes the boot directory with what boots the system.
func (t *tarWriter) boot(ctx context.Context, b *build) error {
	t.tree.Begin(&rootfs.Segment{Source: b.KernelSource, Location: "kernel"})
	t.from(b.KernelSource, "kernel", "")
	dir := &rootfs.Entry{Header: &tar.Header{
		Typeflag: tar.TypeDir, Name: "boot", Mode: 0o755, ModTime: rootfs.GeneratedTime,
	}}
	if err := t.bootEntry(dir); err != nil {
		return err
	}
	if err := t.bootEntry(fileEntry("boot/cmdline", 0o644, int64(len(b.Cmdline)), strings.NewReader(b.Cmdline))); err != nil {
		return err
	}
	for _, f := range []*rootfs.BootFile{b.Kernel, b.UCode} {
		if f == nil {
			continue
		}
		if err := t.bootFile(ctx, b, f); err != nil {
			return err
		}
	}
	return nil
}

// bootFile writes kernel or microcode with the mode that it has in its image.
func (t *tarWriter) bootFile(ctx context.Context, b *build, f *rootfs.BootFile) error {
	name := "boot/" + f.Name
	if f != b.Kernel || !b.opts.DecompressKernel {
		t.from(b.KernelSource, "kernel", f.Key)
		err := f.Read(ctx, func(size, mode int64, r io.Reader) error { return t.bootEntry(fileEntry(name, mode, size, r)) })
		if errors.Is(err, rootfs.ErrNoFile) {
			err = b.bootFileError(f, err)
		}
		return err
	}
	return f.Read(ctx, func(_, mode int64, _ io.Reader) error {
		r, err := b.bootFile(ctx, f)
		if err != nil {
			return err
		}
		defer r.Close()
		info, err := r.Stat()
		if err != nil {
			return err
		}
		return t.bootEntry(fileEntry(name, mode, info.Size(), r))
	})
}

// bootEntry writes an entry that no segment has.
func (t *tarWriter) bootEntry(e *rootfs.Entry) error {
	if _, err := t.tree.Add(e.Header.Name, rootfs.KindOf(e)); err != nil {
		return err
	}
	return t.entry(e)
}

func fileEntry(name string, mode, size int64, r io.Reader) *rootfs.Entry {
	return &rootfs.Entry{Header: &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size, ModTime: rootfs.GeneratedTime,
	}, Content: r}
}

func (t *tarWriter) entry(e *rootfs.Entry) error {
	h := *e.Header
	h.Format = tar.FormatPAX
	h.PAXRecords = t.pax(e.Header.PAXRecords)
	if err := t.w.WriteHeader(&h); err != nil {
		return fmt.Errorf("write entry %s: %w", h.Name, err)
	}
	if h.Typeflag != tar.TypeReg || e.Content == nil {
		return nil
	}
	n, err := io.Copy(t.w, e.Content)
	if err != nil {
		return fmt.Errorf("write content of %s: %w", h.Name, err)
	}
	if n != h.Size {
		return fmt.Errorf("write content of %s: got %d of %d bytes", h.Name, n, h.Size)
	}
	return nil
}

// pax returns the records of an entry: those of its image that the writer does
// not make itself, and those that say where it comes from.
func (t *tarWriter) pax(own map[string]string) map[string]string {
	records := map[string]string{}
	for k, v := range own {
		if strings.Contains(k, ".") && !strings.HasPrefix(k, "GNU.sparse.") {
			records[k] = v
		}
	}
	for k, v := range t.records {
		records[k] = v
	}
	if len(records) == 0 {
		return nil
	}
	return records
}
