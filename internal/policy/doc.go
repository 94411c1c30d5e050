// Package policy decides whether an image may be used: by rules that demand
// signatures, digests or nothing of the images whose names match.
//
// It owns the policy file and the verification of signatures: those of cosign,
// kept under a tag beside the image, and sigstore bundles that refer to it. It
// asks nobody on the network; a caller may bring signatures into the store
// when those there do not do. It refuses by default: an image that no rule
// matches, a signature for another repository, a key or file it cannot read.
//
// docs/reference/policy.md describes the file.
package policy
