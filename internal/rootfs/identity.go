package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
)

// Identity tells trees apart: segments of equal identity make equal trees.
// What has a key is not read for it.
func Identity(ctx context.Context, segments []*Segment) (string, error) {
	h := sha256.New()
	for _, s := range segments {
		if s.Key != "" {
			fmt.Fprintf(h, "segment %s\n", s.Key)
			continue
		}
		// What a generated segment adds to a tree depends on nothing but the
		// segments before it and on what it adds to an empty one.
		var empty Tree
		empty.Begin(s)
		fmt.Fprint(h, "generated\n")
		if err := s.Walk(ctx, &empty, func(e *Entry) error { return hashEntry(h, e) }); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashEntry(h hash.Hash, e *Entry) error {
	t := e.Header
	fmt.Fprintf(h, "%c %q %q %o %d %d %d %d %d %d\n", t.Typeflag, t.Name, t.Linkname, t.Mode, t.Uid, t.Gid, t.Size,
		t.ModTime.UnixNano(), t.Devmajor, t.Devminor)
	for _, key := range slices.Sorted(maps.Keys(t.PAXRecords)) {
		fmt.Fprintf(h, "%q %q\n", key, t.PAXRecords[key])
	}
	if e.Content == nil {
		return nil
	}
	n, err := io.Copy(h, e.Content)
	if err == nil && n != t.Size {
		err = fmt.Errorf("read content of %s: got %d of %d bytes", t.Name, n, t.Size)
	}
	return err
}
