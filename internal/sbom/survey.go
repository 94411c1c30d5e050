package sbom

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// documentID is the identifier of every document.
const documentID = "SPDXRef-DOCUMENT"

// facts are what has to be known of a document before it can be joined.
type facts struct {
	version string
	// id is the document's identifier.
	id string
	// ids are the identifiers of all elements, external the names it gives to
	// other documents.
	ids      set
	external map[string]bool
	// tops are the elements that stand for the whole if nothing is said to be
	// described: packages, else files.
	packages, files []string
	// describes are the elements that the document lists as described.
	describes []string
	described bool
}

// survey reads a whole document, to its end, and finds out whether it can be
// joined.
func survey(open func() (io.ReadCloser, error)) (*facts, error) {
	f := &facts{id: documentID, ids: set{}, external: map[string]bool{}}
	if err := visit(open, f); err != nil {
		return nil, err
	}
	switch f.version {
	case "SPDX-2.1", "SPDX-2.2", "SPDX-2.3":
		return f, nil
	case "":
		return nil, fmt.Errorf("%w: it has no version", ErrInvalid)
	default:
		return nil, fmt.Errorf("%w: version %s is not supported, only SPDX-2.1, 2.2 and 2.3 are", ErrInvalid, f.version)
	}
}

func visit(open func() (io.ReadCloser, error), v visitor) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := read(r, v); err != nil {
		return err
	}
	// The content is compared with its digest at its end.
	_, err = io.Copy(io.Discard, r)
	return err
}

func (f *facts) member(name string, value any) error {
	switch name {
	case "spdxVersion":
		f.version, _ = value.(string)
	case "SPDXID":
		if id, ok := value.(string); ok {
			f.id = id
		}
	case "documentDescribes":
		f.describes = append(f.describes, stringsOf(value)...)
	}
	return nil
}

// essence is what a survey needs of an element of any list.
type essence struct {
	ID       string `json:"SPDXID"`
	External string `json:"externalDocumentId"`
	From     string `json:"spdxElementId"`
	To       string `json:"relatedSpdxElement"`
	Kind     string `json:"relationshipType"`
}

func (f *facts) element(list string, decode func(any) error) error {
	var e essence
	if err := decode(&e); err != nil {
		return err
	}
	switch list {
	case "packages", "files", "snippets":
		if e.ID == "" {
			return fmt.Errorf("%w: one of its %s has no SPDXID", ErrInvalid, list)
		}
		f.found(list, e.ID)
	case "externalDocumentRefs":
		f.external[e.External] = true
	case "relationships":
		if e.From == "" || e.To == "" || e.Kind == "" {
			return fmt.Errorf("%w: a relationship lacks an end or its type", ErrInvalid)
		}
		f.described = f.described || e.Kind == "DESCRIBES" || e.Kind == "DESCRIBED_BY"
	}
	return nil
}

func (f *facts) found(list, id string) {
	switch {
	case !f.ids.add(id):
	case list == "packages":
		f.packages = append(f.packages, id)
	case list == "files":
		f.files = append(f.files, id)
	}
}

// tops are the elements that the document describes although no relationship
// says so.
func (f *facts) tops() []string {
	switch {
	case len(f.describes) > 0:
		return f.describes
	case f.described:
		return nil
	case len(f.packages) > 0:
		return f.packages
	default:
		return f.files
	}
}

func text(e map[string]any, name string) string {
	s, _ := e[name].(string)
	return s
}

func stringsOf(v any) []string {
	items, _ := v.([]any)
	var all []string
	for _, i := range items {
		if s, ok := i.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// set holds texts by their hashes: documents can have millions.
type set map[[16]byte]struct{}

func hashOf(s string) (h [16]byte) {
	sum := sha256.Sum256([]byte(s))
	copy(h[:], sum[:])
	return h
}

func (s set) has(text string) bool {
	_, ok := s[hashOf(text)]
	return ok
}

// add tells whether text is new.
func (s set) add(text string) bool {
	h := hashOf(text)
	_, ok := s[h]
	s[h] = struct{}{}
	return !ok
}
