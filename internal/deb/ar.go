package deb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
)

// arReader reads the members of an ar archive one after the other.
type arReader struct {
	r    io.Reader
	left int64 // bytes of the current member not yet read, padding included
}

func newArReader(r io.Reader) (*arReader, error) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != arMagic {
		return nil, fmt.Errorf("%w: no ar archive", ErrFormat)
	}
	return &arReader{r: r}, nil
}

// next returns the name and content of the next member, or io.EOF.
func (a *arReader) next() (string, io.Reader, error) {
	if _, err := io.CopyN(io.Discard, a.r, a.left); err != nil {
		return "", nil, fmt.Errorf("%w: member cut short", ErrFormat)
	}
	var h [arHeaderSize]byte
	if _, err := io.ReadFull(a.r, h[:]); errors.Is(err, io.EOF) {
		return "", nil, io.EOF
	} else if err != nil {
		return "", nil, fmt.Errorf("%w: ar header cut short", ErrFormat)
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
	if err != nil || size < 0 || !bytes.Equal(h[58:], []byte("`\n")) {
		return "", nil, fmt.Errorf("%w: bad ar header", ErrFormat)
	}
	a.left = size + size&1
	name := strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
	return name, io.LimitReader(&counting{a}, size), nil
}

// counting reads from the archive and keeps count of what is left.
type counting struct{ a *arReader }

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.a.r.Read(p)
	c.a.left -= int64(n)
	return n, err
}
