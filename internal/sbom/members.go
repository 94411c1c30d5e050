package sbom

// known are the members that elements have in SPDX 2.3; others are left out,
// because a document with them is not valid. Lists of files in a package become
// relationships.
var known = map[string]map[string]bool{
	"packages": names("SPDXID", "annotations", "attributionTexts", "builtDate", "checksums", "comment", "copyrightText",
		"description", "downloadLocation", "externalRefs", "filesAnalyzed", "homepage", "licenseComments",
		"licenseConcluded", "licenseDeclared", "licenseInfoFromFiles", "name", "originator", "packageFileName",
		"packageVerificationCode", "primaryPackagePurpose", "releaseDate", "sourceInfo", "summary", "supplier",
		"validUntilDate", "versionInfo"),
	"files": names("SPDXID", "annotations", "artifactOfs", "attributionTexts", "checksums", "comment", "copyrightText",
		"fileContributors", "fileDependencies", "fileName", "fileTypes", "licenseComments", "licenseConcluded",
		"licenseInfoInFiles", "noticeText"),
	"snippets": names("SPDXID", "annotations", "attributionTexts", "comment", "copyrightText", "licenseComments",
		"licenseConcluded", "licenseInfoInSnippets", "name", "ranges", "snippetFromFile"),
	"relationships":              names("comment", "relationshipType"),
	"annotations":                names("annotationDate", "annotationType", "annotator", "comment"),
	"hasExtractedLicensingInfos": names("comment", "crossRefs", "extractedText", "licenseId", "name", "seeAlsos"),
	"externalDocumentRefs":       names("checksum", "externalDocumentId", "spdxDocument"),
	"revieweds":                  names("comment", "reviewDate", "reviewer"),
}

func names(all ...string) map[string]bool {
	m := make(map[string]bool, len(all))
	for _, n := range all {
		m[n] = true
	}
	return m
}

// only returns e without members that its list does not know.
func only(list string, e map[string]any) map[string]any {
	kept := make(map[string]any, len(e))
	for name, v := range e {
		if known[list][name] && v != nil {
			kept[name] = v
		}
	}
	return kept
}
