package sbom

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

const (
	elementPrefix  = "SPDXRef-"
	documentPrefix = "DocumentRef-"
	licensePrefix  = "LicenseRef-"
)

// exists tells whether a reference leads somewhere.
func (j *joiner) exists(id string) bool {
	if other, _, ok := strings.Cut(id, ":"); ok {
		return j.facts.external[other]
	}
	return isNone(id) || id == documentID || id == j.facts.id || j.facts.ids.has(id)
}

func isNone(id string) bool { return id == "NONE" || id == "NOASSERTION" }

// reference returns what an identifier of the document is called in the joined
// one.
func (j *joiner) reference(id string) string {
	other, rest, outside := strings.Cut(id, ":")
	switch {
	case isNone(id):
		return id
	case outside && strings.HasPrefix(other, documentPrefix):
		return j.external(other) + ":" + rest
	case id == documentID || id == j.facts.id:
		return documentID
	}
	return elementPrefix + j.mark + "-" + clean(strings.TrimPrefix(id, elementPrefix))
}

func (j *joiner) external(id string) string {
	return documentPrefix + j.mark + "-" + clean(strings.TrimPrefix(id, documentPrefix))
}

func (j *joiner) license(id string) string {
	return licensePrefix + j.mark + "-" + clean(strings.TrimPrefix(id, licensePrefix))
}

var forbidden = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// clean replaces what an identifier must not contain. Different identifiers
// stay different.
func clean(id string) string {
	c := forbidden.ReplaceAllString(id, "-")
	if c == id {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return c + "-" + hex.EncodeToString(sum[:4])
}

var licenseRef = regexp.MustCompile(`(` + documentPrefix + `[A-Za-z0-9.-]+:)?` + licensePrefix + `[A-Za-z0-9.-]+`)

// expression renames the licenses in a license expression.
func (j *joiner) expression(s string) string {
	return licenseRef.ReplaceAllStringFunc(s, func(ref string) string {
		if other, rest, ok := strings.Cut(ref, ":"); ok {
			return j.external(other) + ":" + rest
		}
		return j.license(ref)
	})
}

// licenses renames the licenses of a package, file or snippet.
func (j *joiner) licenses(e map[string]any) {
	for _, name := range []string{"licenseConcluded", "licenseDeclared", "licenseInfoFromFiles", "licenseInfoInFiles", "licenseInfoInSnippets"} {
		j.change(e, name, j.expression)
	}
}

// change applies fn to a member that is a string or a list of strings.
func (j *joiner) change(e map[string]any, name string, fn func(string) string) {
	switch v := e[name].(type) {
	case string:
		e[name] = fn(v)
	case []any:
		for i, item := range v {
			if s, ok := item.(string); ok {
				v[i] = fn(s)
			}
		}
	}
}
