package fsimage

// Buffers are pieces of memory of one size that are used again.
type Buffers struct {
	size int
	free chan []byte
}

// NewBuffers returns buffers for a [Pipeline] with so many workers.
func NewBuffers(size, workers int) *Buffers {
	return &Buffers{size: size, free: make(chan []byte, 4*workers+8)}
}

// Get returns a buffer of the whole size with any content.
func (b *Buffers) Get() []byte {
	select {
	case p := <-b.free:
		return p
	default:
		return make([]byte, b.size)
	}
}

// Put takes back what is not used any more: a buffer cut to any length, or
// anything else, which is dropped.
func (b *Buffers) Put(p []byte) {
	if cap(p) < b.size {
		return
	}
	select {
	case b.free <- p[:b.size]:
	default:
	}
}
