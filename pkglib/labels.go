package pkglib

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/image"
)

// labelConfig holds what build.yml says about containers of the image.
const labelConfig = "org.mobyproject.config"

// labels returns the labels of the image. Those of the build.yml give way to
// the ones computed here.
func (p Pkg) labels(ctx context.Context, o *buildOpts) (map[string]string, error) {
	labels := map[string]string{}
	maps.Copy(labels, p.info.Labels)
	labels[image.LabelToolVersion], labels[image.LabelToolRevision] = o.version, o.revision
	if p.info.Config != nil {
		data, err := json.Marshal(p.info.Config)
		if err != nil {
			return nil, fmt.Errorf("encode the label %s of %s: %w", labelConfig, p.Tag(), err)
		}
		labels[labelConfig] = string(data)
	}
	return labels, p.labelSource(ctx, labels)
}

// labelSource tells where the package comes from, if that is known.
func (p Pkg) labelSource(ctx context.Context, labels map[string]string) error {
	if p.repo == nil {
		return nil
	}
	if p.info.GitRepo != "" {
		labels[ocispec.AnnotationSource] = p.info.GitRepo
	}
	if p.dirty {
		return nil
	}
	id, err := p.repo.Commit(ctx, git.Head)
	if err != nil {
		return fmt.Errorf("find the revision of %s: %w", p.Tag(), err)
	}
	labels[ocispec.AnnotationRevision] = id
	return nil
}
