package layer

import (
	"io"
	"sync"
)

const (
	aheadBuffers = 4
	aheadSize    = 128 << 10
)

// ahead reads from another reader in a goroutine of its own.
type ahead struct {
	full  chan block
	empty chan []byte
	quit  chan struct{}
	done  sync.WaitGroup

	current block
	rest    []byte
}

type block struct {
	data []byte
	err  error
}

func newAhead(r io.Reader) *ahead {
	a := &ahead{
		full:  make(chan block, aheadBuffers),
		empty: make(chan []byte, aheadBuffers),
		quit:  make(chan struct{}),
	}
	for range aheadBuffers {
		a.empty <- make([]byte, aheadSize)
	}
	a.done.Add(1)
	go a.run(r)
	return a
}

func (a *ahead) run(r io.Reader) {
	defer a.done.Done()
	for {
		select {
		case <-a.quit:
			return
		case buf := <-a.empty:
			b := readBlock(r, buf)
			a.full <- b // never blocks: there are as many buffers as places
			if b.err != nil {
				return
			}
		}
	}
}

func readBlock(r io.Reader, buf []byte) block {
	n := 0
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return block{buf[:n], err}
		}
	}
	return block{buf, nil}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.current.err != nil {
			return 0, a.current.err
		}
		if a.current.data != nil {
			a.empty <- a.current.data[:cap(a.current.data)]
		}
		a.current = <-a.full
		a.rest = a.current.data
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// stop ends the goroutine and waits for it.
func (a *ahead) stop() {
	close(a.quit)
	a.done.Wait()
}
