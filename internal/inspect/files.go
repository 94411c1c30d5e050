package inspect

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
)

// FileDifference is how two outputs that should be the same differ.
type FileDifference struct {
	// Offset is that of the first byte that differs.
	Offset int64
	// Trees is how the files in them differ, which they may not; nil if they
	// cannot be read as trees.
	Trees *Comparison
}

// CompareFiles compares two outputs byte by byte, and if they differ what is in
// them, times included. The result is nil if they are equal.
func CompareFiles(ctx context.Context, first, second string) (*FileDifference, error) {
	offset, err := firstDifference(ctx, first, second)
	if err != nil || offset < 0 {
		return nil, err
	}
	d := &FileDifference{Offset: offset}
	a, errA := Open(ctx, first)
	b, errB := Open(ctx, second)
	if errA == nil && errB == nil {
		d.Trees = Diff(a, b, DiffOptions{Times: true})
	}
	return d, ctx.Err()
}

// firstDifference returns the offset of the first byte in which two files
// differ, -1 if they are equal.
func firstDifference(ctx context.Context, first, second string) (int64, error) {
	f, err := os.Open(first)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	g, err := os.Open(second)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	a, b := bufio.NewReaderSize(f, readBuffer), bufio.NewReaderSize(g, readBuffer)
	for n := int64(0); ; n++ {
		if n%readBuffer == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		x, errX := a.ReadByte()
		y, errY := b.ReadByte()
		endX, endY := errX == io.EOF, errY == io.EOF
		switch {
		case errX != nil && !endX || errY != nil && !endY:
			return 0, errors.Join(errX, errY)
		case endX && endY:
			return -1, nil
		case endX || endY || x != y:
			return n, nil
		}
	}
}
