package sbom

import (
	"io"
	"path"
)

// joiner adds one document to another.
type joiner struct {
	out   *Document
	facts *facts
	// dir is what the names of files are below.
	dir string
	// mark is part of every identifier.
	mark string
	// seen are the identifiers and relationships that were written.
	seen set
}

func (j *joiner) join(open func() (io.ReadCloser, error)) error {
	if err := visit(open, j); err != nil {
		return err
	}
	for _, id := range j.facts.tops() {
		if err := j.relate(documentID, "DESCRIBES", id); err != nil {
			return err
		}
	}
	return nil
}

func (j *joiner) member(string, any) error { return nil }

func (j *joiner) element(list string, decode func(any) error) error {
	var e map[string]any
	if err := decode(&e); err != nil {
		return err
	}
	switch list {
	case "packages", "files", "snippets":
		return j.item(list, e)
	case "relationships":
		return j.relationship(e)
	case "hasExtractedLicensingInfos":
		e = only(list, e)
		j.change(e, "licenseId", j.license)
	case "externalDocumentRefs":
		e = only(list, e)
		j.change(e, "externalDocumentId", j.external)
	default:
		e = only(list, e)
	}
	return j.out.write(list, e)
}

// item adds a package, file or snippet. Of several with one identifier the
// first counts.
func (j *joiner) item(list string, e map[string]any) error {
	id := text(e, "SPDXID")
	if id == "" || !j.seen.add(id) {
		return nil // members with names in other case are no members
	}
	for _, file := range stringsOf(e["hasFiles"]) {
		if err := j.relate(id, "CONTAINS", file); err != nil {
			return err
		}
	}
	e = only(list, e)
	e["SPDXID"] = j.reference(id)
	j.licenses(e)
	switch list {
	case "packages":
		j.pack(e)
	case "files":
		e["fileName"] = path.Join(j.dir, text(e, "fileName"))
		j.change(e, "fileDependencies", j.reference)
	case "snippets":
		j.change(e, "snippetFromFile", j.reference)
		j.ranges(e)
	}
	return j.out.write(list, e)
}

// pack completes a package: older versions and some tools leave out what 2.3
// demands.
func (j *joiner) pack(e map[string]any) {
	if name := path.Join(j.dir, text(e, "packageFileName")); name != "" {
		e["packageFileName"] = name
	}
	if text(e, "downloadLocation") == "" {
		e["downloadLocation"] = "NOASSERTION"
	}
	if e["filesAnalyzed"] == nil && e["packageVerificationCode"] == nil {
		e["filesAnalyzed"] = false
	}
	refs, _ := e["externalRefs"].([]any)
	for _, r := range refs {
		if m, ok := r.(map[string]any); ok {
			// Some tools follow the tag-value form of the specification.
			switch m["referenceCategory"] {
			case "PACKAGE_MANAGER":
				m["referenceCategory"] = "PACKAGE-MANAGER"
			case "PERSISTENT_ID":
				m["referenceCategory"] = "PERSISTENT-ID"
			}
		}
	}
}

// ranges renames the files that the ranges of a snippet point into.
func (j *joiner) ranges(e map[string]any) {
	ranges, _ := e["ranges"].([]any)
	for _, r := range ranges {
		m, _ := r.(map[string]any)
		for _, end := range []string{"startPointer", "endPointer"} {
			if p, ok := m[end].(map[string]any); ok {
				j.change(p, "reference", j.reference)
			}
		}
	}
}

// relationship adds one if both ends exist.
func (j *joiner) relationship(e map[string]any) error {
	r := only("relationships", e)
	from, to, kind := text(e, "spdxElementId"), text(e, "relatedSpdxElement"), text(e, "relationshipType")
	return j.related(r, from, kind, to)
}

func (j *joiner) relate(from, kind, to string) error {
	return j.related(map[string]any{"relationshipType": kind}, from, kind, to)
}

func (j *joiner) related(r map[string]any, from, kind, to string) error {
	key := "relationship " + j.reference(from) + " " + kind + " " + j.reference(to)
	if !j.exists(from) || !j.exists(to) || !j.seen.add(key) {
		return nil
	}
	r["spdxElementId"], r["relatedSpdxElement"] = j.reference(from), j.reference(to)
	return j.out.write("relationships", r)
}
