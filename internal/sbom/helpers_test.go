package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/linuxkit/linuxkit/internal/progress"
)

var fixed = Options{Created: time.Unix(1492533000, 0), Creators: []string{"Tool: test"}}

// statement wraps a document as attestations do.
func statement(document string) string {
	return `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[{"name":"x"}],"predicate":` + document + `}`
}

// document returns a document of SPDX 2.3 with the given further members.
func document(members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"n","documentNamespace":"https://example.org/n"` + members + `}`
}

func source(location, prefix string, statements ...string) Source {
	return Source{Ref: "x.io/" + location, Location: location, Prefix: prefix, Documents: func(context.Context) ([]func() (io.ReadCloser, error), error) {
		var all []func() (io.ReadCloser, error)
		for _, s := range statements {
			all = append(all, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil })
		}
		return all, nil
	}}
}

// warnings counts what is reported.
type warnings struct {
	progress.Reporter
	mu  sync.Mutex
	all []string
}

func (w *warnings) Message(l progress.Level, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

func collect(t testing.TB, sources ...Source) (string, []string) {
	t.Helper()
	w := &warnings{}
	d, err := Collect(progress.With(t.Context(), w), sources, fixed)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := io.ReadAll(d.Reader())
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(data)) != d.Size() {
		t.Errorf("size is %d, the document has %d bytes", d.Size(), len(data))
	}
	return string(data), w.all
}

// joined is a result as far as tests look into it.
type joined struct {
	Namespace string `json:"documentNamespace"`
	Packages  []struct {
		ID       string `json:"SPDXID"`
		Name     string
		File     string `json:"packageFileName"`
		Analyzed *bool  `json:"filesAnalyzed"`
		Declared string `json:"licenseDeclared"`
		Download string `json:"downloadLocation"`
	}
	Files []struct {
		ID   string `json:"SPDXID"`
		Name string `json:"fileName"`
	}
	Snippets []struct {
		ID   string `json:"SPDXID"`
		From string `json:"snippetFromFile"`
	}
	Licenses []struct {
		ID string `json:"licenseId"`
	} `json:"hasExtractedLicensingInfos"`
	External []struct {
		ID string `json:"externalDocumentId"`
	} `json:"externalDocumentRefs"`
	Relationships []struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
}

func (j *joined) relations() string {
	var all []string
	for _, r := range j.Relationships {
		all = append(all, fmt.Sprintf("%s %s %s", r.From, r.Type, r.To))
	}
	return strings.Join(all, "\n")
}

// check is what must be true of every result: the reference library reads it
// and finds all ends of relationships, no identifier occurs twice.
func check(t testing.TB, text string) *joined {
	t.Helper()
	var j joined
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	seen := map[string]bool{documentID: true, "NONE": true, "NOASSERTION": true}
	add := func(id string) {
		if seen[id] || !strings.HasPrefix(id, elementPrefix) || forbidden.MatchString(id) {
			t.Errorf("identifier %q is wrong or occurs twice", id)
		}
		seen[id] = true
	}
	for _, p := range j.Packages {
		add(p.ID)
	}
	for _, f := range j.Files {
		add(f.ID)
	}
	for _, s := range j.Snippets {
		add(s.ID)
	}
	for _, r := range j.Relationships {
		for _, end := range []string{r.From, r.To} {
			if !seen[end] && !strings.HasPrefix(end, documentPrefix) {
				t.Errorf("relationship with %q, which does not exist", end)
			}
		}
	}
	return &j
}

// checkLibrary reads a result with the library of the SPDX project. It does not
// know that relationships may lead to other documents, or to NONE.
func checkLibrary(t testing.TB, text string) {
	t.Helper()
	doc, err := spdxjson.Read(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatalf("the reference library does not read it: %v", err)
	}
	doc.Relationships = slices.DeleteFunc(doc.Relationships, func(r *spdx.Relationship) bool {
		return r.RefA.DocumentRefID != "" || r.RefB.DocumentRefID != "" || r.RefB.SpecialID != ""
	})
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Errorf("the reference library finds it invalid: %v", err)
	}
}
