package disk

import "sort"

// Run is a row of blocks that hold data.
type Run struct {
	First  int64 // number of the first block
	Count  int64 // blocks
	Before int64 // blocks of all runs ahead of this one
}

// Runs are the blocks of an image that hold data, in ascending order.
type Runs []Run

// Blocks returns which blocks of size bytes hold data.
func (im *Image) Blocks(size int64) Runs {
	var runs Runs
	for _, e := range im.Extents {
		if e.Length > 0 {
			runs = runs.add(e.Offset/size, (e.end()-1)/size+1)
		}
	}
	return runs
}

// add appends the blocks from first up to end, joining them to the last run.
func (r Runs) add(first, end int64) Runs {
	if len(r) == 0 {
		return append(r, Run{First: first, Count: end - first})
	}
	last := &r[len(r)-1]
	if first <= last.First+last.Count {
		last.Count = max(last.Count, end-last.First)
		return r
	}
	return append(r, Run{First: first, Count: end - first, Before: last.Before + last.Count})
}

// Total returns how many blocks hold data.
func (r Runs) Total() int64 {
	if len(r) == 0 {
		return 0
	}
	last := r[len(r)-1]
	return last.Before + last.Count
}

// Index returns how many blocks with data are ahead of the one with a number, and whether it holds data itself.
func (r Runs) Index(block int64) (before int64, ok bool) {
	i := sort.Search(len(r), func(i int) bool { return r[i].First+r[i].Count > block })
	if i == len(r) {
		return r.Total(), false
	}
	if block < r[i].First {
		return r[i].Before, false
	}
	return r[i].Before + block - r[i].First, true
}

// Block returns the number of the block with data that has so many ahead of it.
func (r Runs) Block(before int64) int64 {
	i := sort.Search(len(r), func(i int) bool { return r[i].Before+r[i].Count > before })
	return r[i].First + before - r[i].Before
}
