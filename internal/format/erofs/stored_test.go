package erofs

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

var examples = []*stored{
	{size: 5, data: true, tail: tail{[]byte("plain"), 5, true}},
	{size: 3*blockSize + 70000 + 10, start: 7, blocks: 6, data: true, holes: true, extents: []extent{
		{blockSize, 1, 0, true, false}, {blockSize, 1, 1, true, false}, {blockSize, 1, 9, true, true}, {70000, 4, 2, false, false},
	}, tail: tail{[]byte("packed"), 10, false}},
}

func TestStored(t *testing.T) {
	for _, want := range examples {
		got, err := parseStored(want.record(), want.size)
		all := []cmp.Option{cmp.AllowUnexported(stored{}, extent{}, tail{}), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(want, got, all...); err != nil || diff != "" {
			t.Errorf("%v, (-want +got):\n%s", err, diff)
		}
	}
	long := *examples[0]
	long.size++
	if _, err := parseStored(long.record(), long.size); !errors.Is(err, fsimage.ErrRecord) {
		t.Errorf("extents that are not all of the file: %v", err)
	}
	if _, err := parseStored(long.record(), long.size+1); !errors.Is(err, ErrSize) {
		t.Errorf("a file of another size: %v", err)
	}
}

func FuzzStored(f *testing.F) {
	for _, s := range examples {
		f.Add(s.record())
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		size := fsimage.NewFields(record).Size()
		if size > 1<<20 {
			return // a large file may have many extents, which take time
		}
		s, err := parseStored(record, size)
		if err != nil {
			return
		}
		again, err := parseStored(s.record(), size)
		if err != nil || !bytes.Equal(again.record(), s.record()) {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}
