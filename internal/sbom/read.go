package sbom

import (
	"encoding/json"
	"fmt"
	"io"
)

// Limits of what is read. An element is held in memory, a document is not.
const (
	maxElement  = 16 << 20
	maxDocument = 2 << 30
)

const predicateType = "https://spdx.dev/Document"

// visitor receives what a statement holds.
type visitor interface {
	// member receives a member of the document that is not a list of elements.
	member(name string, value any) error
	// element receives one element of the list of that name. It has to decode
	// it.
	element(list string, decode func(v any) error) error
}

// lists are the members of a document that hold elements, in the order they
// are written.
var lists = []string{
	"externalDocumentRefs", "packages", "files", "snippets",
	"hasExtractedLicensingInfos", "relationships", "annotations", "revieweds",
}

var isList = func() map[string]bool {
	m := map[string]bool{}
	for _, l := range lists {
		m[l] = true
	}
	return m
}()

// read walks over an in-toto statement about an SPDX document.
func read(r io.Reader, v visitor) error {
	limit := &limiter{r: io.LimitReader(r, maxDocument)}
	w := &walker{dec: json.NewDecoder(limit), limit: limit, visitor: v}
	w.dec.UseNumber()
	err := w.statement()
	if err == nil && w.dec.More() {
		err = fmt.Errorf("%w: something follows the statement", ErrInvalid)
	}
	return err
}

type walker struct {
	dec     *json.Decoder
	limit   *limiter
	visitor visitor
}

func (w *walker) statement() error {
	kind, found := "", false
	err := w.object(func(key string) error {
		switch key {
		case "predicateType":
			return w.value(&kind)
		case "predicate":
			found = true
			return w.object(w.member)
		default:
			return w.skip()
		}
	})
	switch {
	case err != nil:
		return err
	case kind != predicateType:
		return fmt.Errorf("%w: the statement is about %q", ErrInvalid, kind)
	case !found:
		return fmt.Errorf("%w: the statement has no predicate", ErrInvalid)
	}
	return nil
}

func (w *walker) member(key string) error {
	if isList[key] {
		return w.array(func() error { return w.visitor.element(key, w.value) })
	}
	var v any
	if err := w.value(&v); err != nil {
		return err
	}
	return w.visitor.member(key, v)
}

// value decodes what comes next.
func (w *walker) value(v any) error {
	w.limit.left = maxElement
	if err := w.dec.Decode(v); err != nil {
		return invalid(err)
	}
	return nil
}

func (w *walker) skip() error {
	var ignored json.RawMessage
	return w.value(&ignored)
}

func (w *walker) token() (json.Token, error) {
	w.limit.left = maxElement
	t, err := w.dec.Token()
	if err != nil {
		return nil, invalid(err)
	}
	return t, nil
}

func (w *walker) object(fn func(key string) error) error {
	if err := w.open('{', "an object"); err != nil {
		return err
	}
	for w.dec.More() {
		key, err := w.token()
		if err != nil {
			return err
		}
		if err := fn(key.(string)); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

// array calls fn for each item; null counts as empty.
func (w *walker) array(fn func() error) error {
	t, err := w.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("%w: %v where a list should be", ErrInvalid, t)
	}
	for w.dec.More() {
		if err := fn(); err != nil {
			return err
		}
	}
	_, err = w.token()
	return err
}

func (w *walker) open(want json.Delim, what string) error {
	t, err := w.token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%w: %v where %s should be", ErrInvalid, t, what)
	}
	return nil
}

func invalid(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// limiter refuses to deliver more than left bytes.
type limiter struct {
	r    io.Reader
	left int64
}

func (l *limiter) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: one element has more than %d bytes", ErrInvalid, maxElement)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
