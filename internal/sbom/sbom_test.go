package sbom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// rich uses everything that has to be renamed.
const rich = `
"packages":[
 {"SPDXID":"SPDXRef-a","name":"a","downloadLocation":"NONE","licenseDeclared":"LicenseRef-x AND (MIT OR DocumentRef-o:LicenseRef-y)","hasFiles":["SPDXRef-f"],"vendor":1,
  "externalRefs":[{"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/a@1"}]},
 {"SPDXID":"SPDXRef-b_1","name":"b","packageFileName":"/opt/b","filesAnalyzed":true,"packageVerificationCode":{"packageVerificationCodeValue":"d6a770ba38583ed4bb4525bd96e50461655d2758"}},
 {"SPDXID":"SPDXRef-a","name":"again"}],
"files":[{"SPDXID":"SPDXRef-f","fileName":"./etc/f","checksums":[{"algorithm":"SHA1","checksumValue":"d6a770ba38583ed4bb4525bd96e50461655d2758"}],"licenseInfoInFiles":["LicenseRef-x"]}],
"snippets":[{"SPDXID":"SPDXRef-s","name":"s","snippetFromFile":"SPDXRef-f","ranges":[{"startPointer":{"offset":1,"reference":"SPDXRef-f"},"endPointer":{"offset":2,"reference":"SPDXRef-f"}}]}],
"hasExtractedLicensingInfos":[{"licenseId":"LicenseRef-x","extractedText":"<x> & y"}],
"externalDocumentRefs":[{"externalDocumentId":"DocumentRef-o","spdxDocument":"https://example.org/o","checksum":{"algorithm":"SHA1","checksumValue":"d6a770ba38583ed4bb4525bd96e50461655d2758"}}],
"relationships":[
 {"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"},
 {"spdxElementId":"SPDXRef-a","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-b_1"},
 {"spdxElementId":"SPDXRef-a","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-f"},
 {"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-gone"},
 {"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"DocumentRef-o:SPDXRef-z"},
 {"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"DocumentRef-p:SPDXRef-z"},
 {"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"NONE"}],
"unknown":{"deep":[1,2,3]}`

func TestCollect(t *testing.T) {
	same := statement(document(rich))
	text, warned := collect(t, source("init[0]", "", same), source("services[2]", "containers/services/x/lower", same, same))
	if len(warned) > 0 {
		t.Errorf("warnings: %q", warned)
	}
	checkLibrary(t, text)
	j := check(t, text)
	if len(j.Packages) != 6 || len(j.Files) != 3 || len(j.Snippets) != 3 || len(j.Licenses) != 3 || len(j.External) != 3 {
		t.Fatalf("elements are missing: %s", text)
	}
	for _, c := range []struct{ what, got, want string }{
		{"identifier", j.Packages[0].ID, "SPDXRef-init-0-a"},
		{"identifier of the second document", j.Packages[4].ID, "SPDXRef-services-2.1-a"},
		{"license", j.Packages[0].Declared, "LicenseRef-init-0-x AND (MIT OR DocumentRef-init-0-o:LicenseRef-y)"},
		{"file of a package without file at the root", j.Packages[0].File, ""},
		{"file of a package without file", j.Packages[2].File, "containers/services/x/lower"},
		{"file of a package", j.Packages[3].File, "containers/services/x/lower/opt/b"},
		{"download location", j.Packages[1].Download, "NOASSERTION"},
		{"file", j.Files[1].Name, "containers/services/x/lower/etc/f"},
		{"file at the root", j.Files[0].Name, "etc/f"},
		{"snippet's file", j.Snippets[0].From, "SPDXRef-init-0-f"},
		{"license", j.Licenses[0].ID, "LicenseRef-init-0-x"},
		{"document", j.External[0].ID, "DocumentRef-init-0-o"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
	if *j.Packages[0].Analyzed || !*j.Packages[1].Analyzed {
		t.Error("filesAnalyzed is wrong")
	}
	const want = `SPDXRef-init-0-a CONTAINS SPDXRef-init-0-f
SPDXRef-DOCUMENT DESCRIBES SPDXRef-init-0-a
SPDXRef-init-0-a CONTAINS SPDXRef-init-0-b-1-`
	if got := j.relations(); !strings.HasPrefix(got, want) || strings.Contains(got, "gone") || strings.Count(got, "DocumentRef") != 3 || strings.Contains(got, "DocumentRef-init-0-p") {
		t.Errorf("relationships are\n%s", got)
	}
	for _, s := range []string{"vendor", "unknown", "again", "PACKAGE_MANAGER", "hasFiles", `\u003c`} {
		if strings.Contains(text, s) {
			t.Errorf("the result holds %q", s)
		}
	}
}

func TestDescribes(t *testing.T) {
	const two = `"packages":[{"SPDXID":"SPDXRef-a","name":"a"},{"SPDXID":"SPDXRef-b","name":"b"}]`
	const file = `"files":[{"SPDXID":"SPDXRef-f","fileName":"f"}]`
	for _, c := range []struct{ name, members, want string }{
		{"nothing said: all packages", two + "," + file, "D DESCRIBES x-a\nD DESCRIBES x-b"},
		{"nothing said, no packages: all files", file, "D DESCRIBES x-f"},
		{"listed", two + `,"documentDescribes":["SPDXRef-b"]`, "D DESCRIBES x-b"},
		{"related", two + `,"relationships":[{"spdxElementId":"SPDXRef-b","relationshipType":"DESCRIBED_BY","relatedSpdxElement":"SPDXRef-DOCUMENT"}]`, "x-b DESCRIBED_BY D"},
		{"listed and related", two + `,"documentDescribes":["SPDXRef-a"],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"}]`, "D DESCRIBES x-a"},
		{"nothing there", ``, ""},
	} {
		text, _ := collect(t, source("x", "", statement(document(c.members))))
		got := strings.NewReplacer("SPDXRef-DOCUMENT", "D", "SPDXRef-", "").Replace(check(t, text).relations())
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestLeftOut has documents that cannot be used; the others must not suffer.
func TestLeftOut(t *testing.T) {
	good := statement(document(`"packages":[{"SPDXID":"SPDXRef-good","name":"good"}]`))
	for name, bad := range map[string]string{
		"empty":             ``,
		"no JSON":           `hello`,
		"cut off":           good[:len(good)-30],
		"more follows":      good + good,
		"other predicate":   strings.Replace(good, "spdx.dev", "other.dev", 1),
		"no predicate":      `{"predicateType":"https://spdx.dev/Document"}`,
		"null predicate":    statement(`null`),
		"list predicate":    statement(`[]`),
		"no version":        statement(`{"packages":[]}`),
		"version 2.4":       strings.Replace(good, "SPDX-2.3", "SPDX-2.4", 1),
		"version 3":         statement(`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`),
		"no id":             statement(document(`"packages":[{"name":"x"}]`)),
		"number as id":      statement(document(`"packages":[{"SPDXID":7}]`)),
		"null package":      statement(document(`"packages":[null]`)),
		"packages no list":  statement(document(`"packages":{}`)),
		"package no object": statement(document(`"packages":["x"]`)),
		"half relationship": statement(document(`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT"}]`)),
		"huge element":      statement(document(`"comment":"` + strings.Repeat("x", maxElement+1<<20) + `"`)),
		"deep":              statement(document(`"comment":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000))),
	} {
		text, warned := collect(t, source("a", "", good), source("b", "", bad), source("c", "", good))
		if j := check(t, text); len(j.Packages) != 2 || len(warned) != 1 || !strings.Contains(warned[0], "x.io/b") {
			t.Errorf("%s: %d packages, warnings %.200q", name, len(j.Packages), warned)
		}
	}
}

func TestSourceFails(t *testing.T) {
	broken := Source{Ref: "x.io/broken", Location: "b", Documents: func(context.Context) ([]func() (io.ReadCloser, error), error) {
		return nil, errors.New("no index")
	}}
	unreadable := Source{Ref: "x.io/unreadable", Location: "u", Documents: func(context.Context) ([]func() (io.ReadCloser, error), error) {
		return []func() (io.ReadCloser, error){func() (io.ReadCloser, error) { return nil, errors.New("no blob") }}, nil
	}}
	text, warned := collect(t, broken, unreadable)
	check(t, text)
	if len(warned) != 2 || !strings.Contains(warned[0], "no index") || !strings.Contains(warned[1], "no blob") {
		t.Errorf("warnings %q", warned)
	}
}

func TestOlderVersions(t *testing.T) {
	for _, v := range []string{"SPDX-2.1", "SPDX-2.2"} {
		s := strings.Replace(statement(document(rich)), "SPDX-2.3", v, 1)
		text, warned := collect(t, source("init[0]", "", s))
		if len(check(t, text).Packages) != 2 || len(warned) > 0 || strings.Contains(text, v) {
			t.Errorf("%s: %q, %s", v, warned, text)
		}
		checkLibrary(t, text)
	}
}

func TestReproducible(t *testing.T) {
	s := source("init[0]", "", statement(document(rich)))
	first, _ := collect(t, s)
	second, _ := collect(t, s)
	if first != second {
		t.Errorf("two runs differ:\n%s\n%s", first, second)
	}
	other, _ := collect(t, source("init[1]", "", statement(document(rich))))
	if check(t, first).Namespace == check(t, other).Namespace {
		t.Error("different documents have one name space")
	}
	later, err := Collect(t.Context(), []Source{s}, Options{Created: fixed.Created.Add(time.Hour), Creators: fixed.Creators})
	if err != nil {
		t.Fatal(err)
	}
	data, _ := io.ReadAll(later.Reader())
	if check(t, string(data)).Namespace == check(t, first).Namespace || !strings.Contains(string(data), `"created":"2017-04-18T17:30:00Z"`) {
		t.Errorf("time: %s", data)
	}
}

// TestLarge has more than is kept in memory.
func TestLarge(t *testing.T) {
	const count = 40000
	var b strings.Builder
	for i := range count {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"SPDXID":"SPDXRef-%d","name":"%s"}`, i, strings.Repeat("n", 150))
	}
	d, err := Collect(t.Context(), []Source{source("a", "", statement(document(`"packages":[`+b.String()+`]`)))}, fixed)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if s := d.lists["packages"]; s.file == nil || s.memory.Len() > maxMemory {
		t.Error("all was kept in memory")
	}
	for range 2 {
		data, err := io.ReadAll(d.Reader())
		if err != nil {
			t.Fatal(err)
		}
		if j := check(t, string(data)); len(j.Packages) != count {
			t.Errorf("%d packages", len(j.Packages))
		}
	}
}

func FuzzCollect(f *testing.F) {
	f.Add(statement(document(rich)))
	f.Add(statement(document(`"files":[{"SPDXID":"f:SPDXRef-x","fileName":"../x"}],"documentDescribes":["NONE",3]`)))
	f.Add(statement(`{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-x","relationships":[{"spdxElementId":"SPDXRef-x","relationshipType":"DESCRIBES","relatedSpdxElement":"DocumentRef-:SPDXRef-x"}]}`))
	f.Fuzz(func(t *testing.T, s string) {
		text, _ := collect(t, source("init[0]", "", s), source("init[1]", "p", s))
		check(t, text)
	})
}
