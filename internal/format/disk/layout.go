package disk

import "fmt"

// Up returns n rounded up to a multiple of to.
func Up(n, to int64) int64 { return (n + to - 1) / to * to }

// Space is what a partition asks of a disk, in bytes; zero Start means behind the one before it.
type Space struct{ Start, Size int64 }

// Layout puts partitions one behind another on boundaries of Align, the first
// at Align, unless they say where they start. It returns their starts and the first offset behind the last.
func Layout(parts []Space) (starts []int64, end int64, err error) {
	end = Sector
	for i, p := range parts {
		start := p.Start
		if start == 0 {
			start = Up(end, Align)
		}
		if start < end || start%Sector != 0 || p.Size <= 0 || p.Size%Sector != 0 {
			return nil, 0, fmt.Errorf("partition %d: %d bytes at %d: must be whole sectors of %d bytes behind offset %d", i+1, p.Size, start, Sector, end)
		}
		starts, end = append(starts, start), start+p.Size
	}
	return starts, end, nil
}
