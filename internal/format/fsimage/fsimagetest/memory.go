package fsimagetest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// memoryMax is what a writer may take, whatever the content.
const memoryMax = 60 << 20

// Memory writes more than the limit, of which all is different.
func (s *Suite) Memory(t *testing.T) {
	w := s.usual(failingTarget{})
	before := heap()
	peak := watchHeap(func() {
		for n := range 3 {
			e := fsimage.Entry{Path: fmt.Sprint(n), Mode: fsimage.TypeRegular, Size: 40 << 20}
			if err := w.Add(t.Context(), e, io.LimitReader(&noiseReader{uint64(n)}, e.Size)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if peak > before+memoryMax {
		t.Errorf("the heap grows by %d MB", (peak-before)>>20)
	}
}

// noiseReader is endless and hardly compressible.
type noiseReader struct{ state uint64 }

func (n *noiseReader) Read(p []byte) (int, error) {
	for at := 0; at+8 <= len(p); at += 8 {
		n.state = n.state*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(p[at:], n.state>>9)
	}
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	return heapNow()
}

func heapNow() uint64 {
	m := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

// watchHeap returns the highest use of the heap, garbage included, during do.
func watchHeap(do func()) uint64 {
	done, result := make(chan struct{}), make(chan uint64)
	go func() {
		peak := uint64(0)
		for {
			peak = max(peak, heapNow())
			select {
			case <-done:
				result <- peak
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	return <-result
}
