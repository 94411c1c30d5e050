package erofs

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// sample returns bytes of which some parts repeat.
func sample(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n)
	for len(b) < n {
		switch r.IntN(4) {
		case 0:
			b = append(b, byte(r.IntN(256)))
		case 1:
			b = append(b, bytes.Repeat([]byte{byte(r.IntN(4))}, r.IntN(600))...)
		default:
			if len(b) > 0 {
				from := r.IntN(len(b))
				b = append(b, b[from:from+r.IntN(min(len(b)-from, 300)+1)]...)
			}
		}
	}
	return b[:n]
}

func TestLZ4(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		checkLZ4(t, sample(r, 1+r.IntN(1<<(3+r.IntN(16)))), 16+r.IntN(70000), 1+r.IntN(12))
	}
}

func checkLZ4(t *testing.T, src []byte, room, level int) {
	t.Helper()
	dst := make([]byte, room)
	n, size := newLZ4(level).fill(dst, src)
	if n <= 0 || n > len(src) || size > room {
		t.Fatalf("took %d of %d bytes and gave %d for %d", n, len(src), size, room)
	}
	if n < len(src) && n < size*9/10 {
		t.Errorf("took %d of %d bytes and gave %d for %d", n, len(src), size, room)
	}
	got := make([]byte, n)
	m, err := lz4.UncompressBlock(dst[:size], got)
	if err != nil || m != n || !bytes.Equal(got, src[:n]) {
		t.Fatalf("%d bytes in %d become %d other ones: %v", n, size, m, err)
	}
	checkLZ4End(t, dst[:size])
}

// checkLZ4End verifies what decoders demand of the end of a block.
func checkLZ4End(t *testing.T, b []byte) {
	t.Helper()
	sinceMatch := -1
	length := func(n int) int {
		for more := n == 15; more; b = b[1:] {
			n += int(b[0])
			more = b[0] == 255
		}
		return n
	}
	for {
		token := b[0]
		b = b[1:]
		literals := length(int(token >> 4))
		b = b[literals:]
		if len(b) == 0 {
			if sinceMatch >= 0 && (literals < lz4LastLiteral || sinceMatch+literals < lz4LastMatch) {
				t.Errorf("the last match has %d bytes, and %d literals follow", sinceMatch, literals)
			}
			return
		}
		b = b[2:]
		sinceMatch = length(int(token&15)) + lz4MinMatch
	}
}
