package rootfs

import (
	"bytes"
	"context"
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
			db, err := readSmall(ctx, images[i], apkDatabase, maxApkDatabase)
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
