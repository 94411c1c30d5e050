//go:build linux

package buildkit

import (
	"context"
	"io"

	"github.com/linuxkit/linuxkit/pkglib"
)

// pausing is a runner whose first build takes long.
type pausing struct {
	pkglib.DockerRunner
	runner *pkglib.BuildRunner
	builds int
}

func (p *pausing) Build(ctx context.Context, o pkglib.ImageBuildOptions, w io.Writer) error {
	if p.builds++; p.builds == 1 {
		o.BuildArgs["PAUSE"] = "30s"
	} else {
		o.BuildArgs["PAUSE"] = "0s"
	}
	return p.runner.Build(ctx, o, w)
}
