package sbom

import (
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
	ids, external map[string]bool
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
	f := &facts{id: documentID, ids: map[string]bool{}, external: map[string]bool{}}
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

func (f *facts) element(list string, e map[string]any) error {
	id, _ := e["SPDXID"].(string)
	switch list {
	case "packages", "files", "snippets":
		if id == "" {
			return fmt.Errorf("%w: one of its %s has no SPDXID", ErrInvalid, list)
		}
		return f.found(list, id)
	case "externalDocumentRefs":
		f.external[text(e, "externalDocumentId")] = true
	case "relationships":
		from, to, kind := text(e, "spdxElementId"), text(e, "relatedSpdxElement"), text(e, "relationshipType")
		if from == "" || to == "" || kind == "" {
			return fmt.Errorf("%w: a relationship lacks an end or its type", ErrInvalid)
		}
		f.described = f.described || kind == "DESCRIBES" || kind == "DESCRIBED_BY"
	}
	return nil
}

func (f *facts) found(list, id string) error {
	if f.ids[id] {
		return nil
	}
	f.ids[id] = true
	switch list {
	case "packages":
		f.packages = append(f.packages, id)
	case "files":
		f.files = append(f.files, id)
	}
	return nil
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
