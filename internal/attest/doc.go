// Package attest writes attestations about images: in-toto statements that
// hold a bill of materials in SPDX or the provenance in SLSA form, kept beside
// the image in its index as BuildKit does it.
//
// What an image is made of is the caller's to say. The package scans nothing,
// signs nothing, and gives the same bytes for the same facts.
package attest

import (
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Annotations of an attestation in an index, and of its layers.
const (
	annotationPredicate = "in-toto.io/predicate-type"
	mediaTypeInToto     = "application/vnd.in-toto+json"
	unknown             = "unknown"
)

// Component is something that an image is made of.
type Component struct {
	// Name and Version are those of its ecosystem.
	Name, Version string
	// Source is the package URL, see the purl specification.
	Source string
	// SHA256 are the hex digits of the hash of what was fetched, empty if
	// nothing was or another hash protects it.
	SHA256 string
	// Needs are the indexes of the components that it was made with.
	Needs []int
}

// Facts are what is known about an image.
type Facts struct {
	// Name of the image, for readers; it may be empty.
	Name string
	// Image is its manifest, with the platform set.
	Image ocispec.Descriptor
	// Time of the documents.
	Time time.Time
	// Components are what it is made of, in a fixed order.
	Components []Component
	// Recipe is how it was made; it is encoded as JSON.
	Recipe any
}
