// Package attestations tests that the bills of materials of this repository's
// packages name everything that went into their images.
package attestations
