package pkglib

import (
	"errors"
	"fmt"
	"io"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// BuildOpt is an option of [Pkg.Build].
type BuildOpt func(*buildOpts) error

type buildOpts struct {
	force, skip       bool
	platforms         []ocispec.Platform
	store             *content.Store
	out               io.Writer
	version, revision string
	make              maker
}

func newBuildOpts(opts []BuildOpt) (*buildOpts, error) {
	o := &buildOpts{out: io.Discard, version: "unknown", revision: "unknown", make: makeLayers}
	for _, opt := range opts {
		if err := opt(o); err != nil {
			return nil, err
		}
	}
	switch {
	case o.force && o.skip:
		return nil, errors.New("cannot force build and skip build")
	case o.store == nil:
		return nil, errors.New("must provide linuxkit build cache directory")
	}
	return o, nil
}

// WithBuildForce builds even what the cache has.
func WithBuildForce() BuildOpt {
	return func(o *buildOpts) error { o.force = true; return nil }
}

// WithBuildSkip builds nothing.
func WithBuildSkip() BuildOpt {
	return func(o *buildOpts) error { o.skip = true; return nil }
}

// WithBuildPlatforms chooses platforms, such as "linux/arm64", instead of all
// architectures of the build.yml.
func WithBuildPlatforms(platforms ...string) BuildOpt {
	return func(o *buildOpts) error {
		for _, text := range platforms {
			p, err := ParsePlatform(text)
			if err != nil {
				return err
			}
			o.platforms = append(o.platforms, p)
		}
		return nil
	}
}

// WithBuildCacheDir names the directory of the cache to build into.
func WithBuildCacheDir(dir string) BuildOpt {
	return func(o *buildOpts) (err error) {
		if dir == "" {
			return errors.New("must provide linuxkit build cache directory")
		}
		o.store, err = content.Open(dir)
		return err
	}
}

// WithBuildStore builds into an open cache.
func WithBuildStore(s *content.Store) BuildOpt {
	return func(o *buildOpts) error { o.store = s; return nil }
}

// WithBuildOutputWriter receives the lines that tell what is found and built.
// Without it they are discarded.
func WithBuildOutputWriter(w io.Writer) BuildOpt {
	return func(o *buildOpts) error { o.out = w; return nil }
}

// WithToolVersion sets the labels that tell which program made an image.
func WithToolVersion(version, revision string) BuildOpt {
	return func(o *buildOpts) error { o.version, o.revision = version, revision; return nil }
}

// ParsePlatform reads "linux/<architecture>[/<variant>]".
func ParsePlatform(text string) (ocispec.Platform, error) {
	parts := strings.Split(strings.TrimSpace(text), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return ocispec.Platform{}, badPlatform(text, "")
	}
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return ocispec.Platform{}, badPlatform(text, "")
		}
	}
	if parts[0] != "linux" {
		return ocispec.Platform{}, badPlatform(text, ": only linux can be built for")
	}
	p := ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

func badPlatform(text, why string) error {
	return fmt.Errorf("invalid target platform specification '%s'%s", text, why)
}
