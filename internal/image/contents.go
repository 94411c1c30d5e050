package image

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Labels that name the version and the revision of the program that built an
// image.
const (
	LabelToolVersion  = "org.mobyproject.linuxkit.version"
	LabelToolRevision = "org.mobyproject.linuxkit.revision"
)

// provenance are the labels that tell where an image came from and nothing
// about what it is.
var provenance = []string{LabelToolVersion, LabelToolRevision, ocispec.AnnotationRevision, ocispec.AnnotationSource}

// Contents identifies what a container of the image is made of: the
// uncompressed layers, the platform, and the configuration without the labels
// that tell where the image came from. Images of one package that were built
// from different commits have different digests and equal contents.
func (i *Image) Contents() (digest.Digest, error) {
	config := i.Config.Config
	config.Labels = maps.Clone(config.Labels)
	for _, label := range provenance {
		delete(config.Labels, label)
	}
	if len(config.Labels) == 0 {
		config.Labels = nil
	}
	data, err := json.Marshal(ocispec.Image{Platform: i.Config.Platform, Config: config, RootFS: i.Config.RootFS})
	if err != nil {
		return "", fmt.Errorf("identify the contents of image %s: %w", i.Ref, err)
	}
	return digest.FromBytes(data), nil
}
