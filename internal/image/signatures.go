package image

import (
	"github.com/opencontainers/go-digest"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// SignatureNames are the names under which registries and the cache keep what
// is known about the manifest d of a repository: the signatures of cosign, and
// the index of all that refers to it, see the OCI distribution specification
// about the tag for referrers.
func SignatureNames(r reference.Reference, d digest.Digest) (cosign, referrers string) {
	base := r.Locator() + ":" + d.Algorithm().String() + "-" + d.Encoded()
	return base + ".sig", base
}
