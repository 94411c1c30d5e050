package output

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// listVersion is part of the keys of lists. It changes when the same entries
// are listed in another way.
const listVersion = 1

// listEntry is an entry without its content as a record.
func listEntry(e *rootfs.Entry) []byte {
	h := e.Header
	b := []byte{h.Typeflag}
	b = fsimage.AppendBytes(fsimage.AppendBytes(b, h.Name), h.Linkname)
	for _, v := range []int64{
		h.Mode, int64(h.Uid), int64(h.Gid), h.Size, h.ModTime.Unix(), int64(h.ModTime.Nanosecond()), h.Devmajor, h.Devminor, int64(e.Links),
	} {
		b = binary.AppendVarint(b, v)
	}
	b = binary.AppendUvarint(b, uint64(len(h.PAXRecords)))
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		b = fsimage.AppendBytes(fsimage.AppendBytes(b, key), h.PAXRecords[key])
	}
	return b
}

func parseListed(record []byte) (*rootfs.Entry, error) {
	f := fsimage.NewFields(record)
	h := &tar.Header{Typeflag: byte(f.Uint()), Name: string(f.Bytes()), Linkname: string(f.Bytes()), Format: tar.FormatPAX}
	h.Mode, h.Uid, h.Gid, h.Size = f.Int(), int(f.Int()), int(f.Int()), f.Int()
	h.ModTime = time.Unix(f.Int(), f.Int())
	h.Devmajor, h.Devminor = f.Int(), f.Int()
	e := &rootfs.Entry{Header: h, Links: int(f.Int())}
	if n := f.Count(); n > 0 {
		h.PAXRecords = make(map[string]string, n)
		for range n {
			key := string(f.Bytes())
			h.PAXRecords[key] = string(f.Bytes())
		}
	}
	return e, f.End()
}

// packed tells whether a pack has a record of the content of an entry.
func packed(e *rootfs.Entry) bool { return e.Header.Typeflag == tar.TypeReg && e.Header.Size > 0 }

// walkList calls emit with the entries of a list. Their content is a [packRef].
func walkList(ctx context.Context, list io.ReaderAt, pack *fsimage.Pack, emit rootfs.Emit) error {
	r := fsimage.NewRecordReader(io.NewSectionReader(list, 0, math.MaxInt64))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := emitListed(record, pack, emit); err != nil {
			return err
		}
	}
}

func emitListed(record []byte, pack *fsimage.Pack, emit rootfs.Emit) error {
	e, err := parseListed(record)
	if err != nil {
		return err
	}
	if packed(e) {
		c, err := pack.Next()
		if err != nil {
			return fmt.Errorf("find the content of %s: %w", e.Header.Name, err)
		}
		e.Content = packRef{c}
	}
	return emit(e)
}

// packRef takes the place of content that is in a pack.
type packRef struct{ *fsimage.Packed }

// Read has nothing to read: what is packed is copied as it is.
func (packRef) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }
