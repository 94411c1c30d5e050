package attest

import (
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// PredicateSPDX is the type of a bill of materials.
const PredicateSPDX = "https://spdx.dev/Document"

const noAssertion = "NOASSERTION"

// document is a bill of materials; see the SPDX specification 2.3.
type document struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name      string        `json:"name"`
	ID        string        `json:"SPDXID"`
	Version   string        `json:"versionInfo,omitempty"`
	Download  string        `json:"downloadLocation"`
	Analyzed  bool          `json:"filesAnalyzed"`
	Concluded string        `json:"licenseConcluded"`
	Declared  string        `json:"licenseDeclared"`
	Copyright string        `json:"copyrightText"`
	Checksums []checksum    `json:"checksums,omitempty"`
	Refs      []externalRef `json:"externalRefs,omitempty"`
	Purpose   string        `json:"primaryPackagePurpose,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	documentID = "SPDXRef-DOCUMENT"
	imageID    = "SPDXRef-Image"
)

// namespace is what makes a document unique: the image that it is about.
func namespace(image digest.Digest) string {
	return "https://github.com/linuxkit/linuxkit/spdx/" + image.Encoded()
}

func componentID(i int) string { return fmt.Sprintf("SPDXRef-Package-%d", i) }

// billOfMaterials describes the image and what it contains.
func billOfMaterials(f Facts) document {
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: documentID, Name: f.name(),
		Namespace:     namespace(f.Image.Digest),
		Creation:      creation{Created: f.Time.UTC().Format(time.RFC3339), Creators: []string{"Tool: linuxkit"}},
		Relationships: []relationship{{documentID, "DESCRIBES", imageID}},
	}
	image := newPackage(imageID, f.name(), f.Image.Digest.String())
	image.Purpose = "CONTAINER"
	image.Checksums = []checksum{{"SHA256", f.Image.Digest.Encoded()}}
	d.Packages = append(d.Packages, image)
	for i, c := range f.Components {
		d.Packages = append(d.Packages, c.spdx(i))
		d.Relationships = append(d.Relationships, relationship{imageID, "CONTAINS", componentID(i)})
		for _, n := range c.Needs {
			d.Relationships = append(d.Relationships, relationship{componentID(i), "DEPENDS_ON", componentID(n)})
		}
	}
	return d
}

func (c Component) spdx(i int) spdxPackage {
	p := newPackage(componentID(i), c.Name, c.Version)
	if c.Source != "" {
		p.Refs = []externalRef{{"PACKAGE-MANAGER", "purl", c.Source}}
	}
	if c.SHA256 != "" {
		p.Checksums = []checksum{{"SHA256", c.SHA256}}
	}
	return p
}

func newPackage(id, name, version string) spdxPackage {
	return spdxPackage{
		Name: name, ID: id, Version: version, Download: noAssertion,
		Concluded: noAssertion, Declared: noAssertion, Copyright: noAssertion,
	}
}
