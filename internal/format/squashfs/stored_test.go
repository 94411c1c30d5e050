package squashfs

import (
	"bytes"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

func FuzzStored(f *testing.F) {
	f.Add((&stored{size: 300000, start: 5, sparse: 131072, sizes: []uint32{7, 0, 37856 | rawBit}}).record())
	f.Add((&stored{size: 3, place: place{&fragment{start: 9, size: 12}, 4}}).record())
	f.Fuzz(func(t *testing.T, record []byte) {
		s, err := parseStored(record, fsimage.NewFields(record).Size())
		if err != nil {
			return
		}
		again, err := parseStored(s.record(), s.size)
		if err != nil || !bytes.Equal(again.record(), s.record()) || again.length() != s.length() {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}
