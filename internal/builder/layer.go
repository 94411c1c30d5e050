package builder

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// layerMediaType is what layers are stored as; newCompressor must fit.
const layerMediaType = ocispec.MediaTypeImageLayerZstd

// window is how far back a layer refers to itself. Whoever reads it needs that
// much memory, and a larger one would hardly make it smaller.
const window = 1 << 20

func newCompressor(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
}

// stored is a layer in the store, and what later layers must know of it.
type stored struct {
	Blob   ocispec.Descriptor
	DiffID digest.Digest
	// Dirs are the directories that it makes.
	Dirs []string
	// Links are its symbolic links at the root that stand for directories.
	Links map[string]string
}

// writeLayer writes t as a compressed tar to the store, without the
// directories that lower layers made, unless they get another mode or owner.
func writeLayer(ctx context.Context, s *content.Store, t *tree, made map[string]bool, mtime time.Time) (*stored, error) {
	if err := t.addParents(); err != nil {
		return nil, err
	}
	w, err := s.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	z, err := newCompressor(w)
	if err != nil {
		return nil, err
	}
	diffID := digest.SHA256.Digester()
	out := &stored{Links: map[string]string{}}
	if err := writeTar(ctx, io.MultiWriter(z, diffID.Hash()), t, made, mtime, out); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	out.DiffID = diffID.Digest()
	out.Blob, err = w.Commit(ctx, layerMediaType, "")
	return out, err
}

func writeTar(ctx context.Context, w io.Writer, t *tree, made map[string]bool, mtime time.Time, out *stored) error {
	tw := tar.NewWriter(w)
	first := map[*node]string{}
	for _, name := range t.names() {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := t.entries[name]
		if n.typeflag == tar.TypeDir {
			if made[name] && n.plain() {
				continue
			}
			out.Dirs = append(out.Dirs, name)
		}
		if target, ok := mergedUsr[name]; ok && n.typeflag == tar.TypeSymlink && n.linkname == target {
			out.Links[name] = target
		}
		if err := writeEntry(tw, name, n, first, mtime); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return tw.Close()
}

func writeEntry(tw *tar.Writer, name string, n *node, first map[*node]string, mtime time.Time) error {
	h := &tar.Header{Typeflag: n.typeflag, Name: name, Mode: n.mode, Uid: n.uid, Gid: n.gid, ModTime: mtime, Linkname: n.linkname}
	if n.typeflag == tar.TypeDir {
		h.Name += "/"
	}
	if n.typeflag != tar.TypeReg {
		return tw.WriteHeader(h)
	}
	if carrier, ok := first[n]; ok {
		h.Typeflag, h.Linkname = tar.TypeLink, carrier
		return tw.WriteHeader(h)
	}
	first[n] = name
	h.Size = n.size
	if err := tw.WriteHeader(h); err != nil || n.open == nil {
		return err
	}
	return copyContent(tw, n)
}

func copyContent(w io.Writer, n *node) error {
	r, err := n.open()
	if err != nil {
		return err
	}
	defer r.Close()
	copied, err := io.Copy(w, io.LimitReader(r, n.size))
	if err == nil && copied != n.size {
		err = fmt.Errorf("%w: file shrank to %d of %d bytes", io.ErrUnexpectedEOF, copied, n.size)
	}
	return err
}
