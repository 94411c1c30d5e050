package rootfs

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/linuxkit/linuxkit/internal/image"
)

const (
	// apkDatabase is where Alpine records installed packages.
	apkDatabase    = "lib/apk/db/installed"
	maxApkDatabase = 16 << 20
)

// apkSegment joins the package databases of the init images: unpacking them
// over each other leaves only that of the last one.
func apkSegment(images []*image.Image, segments []*Segment) *Segment {
	s := &Segment{Source: "LINUXKIT.apkinit", Location: "init"}
	s.walk = func(ctx context.Context, t *Tree, emit Emit) error {
		holders := t.apkHolders(segments)
		if len(holders) < 2 {
			return nil
		}
		var all bytes.Buffer
		for _, i := range holders {
			db, err := apkOf(ctx, segments[i], images[i])
			if err != nil {
				return err
			}
			all.Write(db)
			all.WriteString("\n\n")
		}
		e := fileEntry(apkDatabase, 0o644, all.Bytes())
		e.Header.ModTime = time.Unix(0, 0).UTC()
		return emit(e)
	}
	return s
}

// apkOf returns the database of an image.
func apkOf(ctx context.Context, s *Segment, img *image.Image) (db []byte, err error) {
	if !img.Bare {
		return readSmall(ctx, img, apkDatabase, maxApkDatabase)
	}
	err = s.walk(ctx, nil, func(e *Entry) (err error) {
		if e.Header.Name == apkDatabase && e.Content != nil {
			db, err = io.ReadAll(io.LimitReader(e.Content, maxApkDatabase))
		}
		return err
	})
	return db, err
}

// apkHolders returns the indices of those segments that hold an apk database.
func (t *Tree) apkHolders(segments []*Segment) []int {
	var holders []int
	for i, s := range segments {
		for _, h := range t.apk {
			if h == s {
				holders = append(holders, i)
				break
			}
		}
	}
	return holders
}
