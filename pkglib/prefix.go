package pkglib

import (
	"bytes"
	"io"
	"sync"
)

// prefixWriter puts a prefix before every line, and writes whole lines only, so
// that several may share a writer.
type prefixWriter struct {
	w      io.Writer
	prefix string

	mu   sync.Mutex
	rest []byte
}

func (p *prefixWriter) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, data...)
	for {
		i := bytes.IndexByte(p.rest, '\n')
		if i < 0 {
			return len(data), nil
		}
		if err := p.line(p.rest[:i+1]); err != nil {
			return 0, err
		}
		p.rest = p.rest[i+1:]
	}
}

// line writes one line; an empty one has nothing to tell apart.
func (p *prefixWriter) line(text []byte) error {
	if len(text) == 1 {
		return nil
	}
	_, err := p.w.Write(append([]byte(p.prefix), text...))
	return err
}
