// Package buildkit has images built from Dockerfiles: it finds or starts a
// BuildKit daemon for a platform, sends it the build, and hands the result on
// as a stream.
//
// It owns the request that BuildKit gets and the life of daemons that nobody
// else runs: the builder container and the child process. It refuses to know
// packages, tags and the index of the cache; package pkglib does. Containers
// are driven through the docker command, which knows contexts and credentials.
package buildkit

import (
	"errors"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

var (
	// ErrNoBuilder means that no BuildKit was found and none could be started.
	ErrNoBuilder = errors.New("no BuildKit daemon is available")
	// ErrLost means that a daemon was lost during a build, not that the build
	// failed; another daemon may do it.
	ErrLost = errors.New("the BuildKit daemon was lost")
)

// storeName is how the cache is called in a session.
const storeName = "linuxkit-cache"

// Values of [Request.SBOM] besides the name of a scanner image.
const (
	// DefaultScanner is BuildKit's own scanner.
	DefaultScanner = ""
	// NoScanner leaves the bill of materials out.
	NoScanner = "false"
)

// Request is one image for one platform.
type Request struct {
	// Name is the name of the image in the result.
	Name     string
	Platform ocispec.Platform
	// Builders are addresses or docker contexts to choose from; none means
	// those of the pool.
	Builders []string
	// Dir is the build context, Sources are put over it.
	Dir     string
	Sources []Source
	// Dockerfile is relative to the context.
	Dockerfile string
	Args       map[string]string
	Labels     map[string]string
	// Network of the steps: "none", "default" or "host".
	Network string
	// NoCache rebuilds every step.
	NoCache bool
	// SBOM is the image of the scanner, [DefaultScanner] or [NoScanner].
	SBOM string
	// Time is that of all files in the layers made, at most.
	Time time.Time
	// Store is the cache that base images come from; nil means none.
	Store *content.Store
	// Images finds what to take from the store by the familiar names of
	// images, given the platform that the daemon itself runs on. It may be nil.
	Images func(host ocispec.Platform) (map[string]digest.Digest, error)
	// SSH are agents to forward: "default", "<id>" or "<id>=<path>[,<path>]".
	SSH []string
	// Auths replace the docker configuration if there are any, by registry.
	Auths map[string]Auth
	// Progress shows what the daemon reports; nil shows nothing.
	Progress *Progress
}

// Source is a file or directory put into the build context.
type Source struct {
	File string
	// Destination is slash-separated, relative to the root of the context.
	Destination string
}

// Auth are the credentials for a registry: a token, or user and password.
type Auth struct {
	Username, Password, RegistryToken string
}
