package output

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/linuxkit/linuxkit/internal/format/cpio"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// window is how far back an archive refers to itself. The guest needs that much
// memory to unpack it.
const window = 1 << 20

// archiveVersion is part of the keys of encoded segments. It changes when the
// same entries are encoded in another way.
const archiveVersion = 3

// kindNeeded marks a directory in a list of paths that an archive supposes but
// does not hold. The other kinds are those of [rootfs.Kind].
const kindNeeded rootfs.Kind = 'p'

// encoder writes entries as one compressed cpio archive.
type encoder struct {
	compressor io.WriteCloser
	cpio       *cpio.Writer
}

func newEncoder(w io.Writer, c codec) (*encoder, error) {
	compressor, err := newCompressor(w, c)
	if err != nil {
		return nil, err
	}
	return &encoder{compressor: compressor, cpio: cpio.NewWriter(compressor)}, nil
}

func newCompressor(w io.Writer, c codec) (io.WriteCloser, error) {
	if c == zstdCodec {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	}
	return newGzipWriter(w)
}

func (e *encoder) entry(entry *rootfs.Entry) error {
	h, err := cpio.FromTar(entry.Header, entry.Links)
	if err != nil {
		return err
	}
	if err := e.cpio.WriteHeader(h); err != nil {
		return err
	}
	if h.Size == 0 || entry.Content == nil {
		return nil
	}
	n, err := io.Copy(e.cpio, entry.Content)
	if err != nil {
		return fmt.Errorf("write content of %s: %w", h.Name, err)
	}
	if n != h.Size {
		return fmt.Errorf("write content of %s: got %d of %d bytes", h.Name, n, h.Size)
	}
	return nil
}

// close has to be called whatever happens: it ends what compresses.
func (e *encoder) close() error { return errors.Join(e.cpio.Close(), e.compressor.Close()) }

// besideTree tells whether a file only boots the system, and so is not in the
// initrd. One that has other names as well is, since those may be elsewhere.
func besideTree(e *rootfs.Entry) bool {
	return strings.HasPrefix(e.Header.Name, "boot/") && rootfs.KindOf(e) != rootfs.KindLinked
}

// insideTree is a segment without the files that are beside the tree.
func insideTree(s *rootfs.Segment) *rootfs.Segment {
	return s.From(func(ctx context.Context, tree *rootfs.Tree, emit rootfs.Emit) error {
		return s.Walk(ctx, tree, func(e *rootfs.Entry) error {
			if besideTree(e) {
				return nil
			}
			return emit(e)
		})
	})
}

// encodeArchive writes the archive of a segment, and to paths the list of what
// is in it: for each path a byte for its kind, the name and a zero byte.
func encodeArchive(ctx context.Context, s *rootfs.Segment, c codec, w, paths io.Writer) (err error) {
	enc, err := newEncoder(w, c)
	if err != nil {
		return err
	}
	defer closeWith(enc.close, &err)
	var tree rootfs.Tree
	list := bufio.NewWriter(paths)
	note := func(kind rootfs.Kind, name string) { fmt.Fprintf(list, "%c%s\x00", kind, name) }
	err = tree.Walk(ctx, insideTree(s), func(e *rootfs.Entry, _ bool) error {
		missing, err := tree.AddParents(e.Header.Name)
		if err != nil {
			return err
		}
		for _, dir := range missing {
			note(kindNeeded, dir)
		}
		note(rootfs.KindOf(e), e.Header.Name)
		return enc.entry(e)
	})
	if err != nil {
		return err
	}
	return list.Flush() // and with it the error of any note
}

// encodeEntries writes a small archive.
func encodeEntries(entries []*rootfs.Entry, c codec, w io.Writer) (err error) {
	enc, err := newEncoder(w, c)
	if err != nil {
		return err
	}
	defer closeWith(enc.close, &err)
	for _, e := range entries {
		if err := enc.entry(e); err != nil {
			return err
		}
	}
	return nil
}
