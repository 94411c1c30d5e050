package builder

import (
	"cmp"
	"net/url"
	"path"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/attest"
)

// component describes a Debian package of a release.
func (p lockedPackage) component(release string) attest.Component {
	file := strings.TrimSuffix(path.Base(p.Path), ".deb")
	arch := file[strings.LastIndexByte(file, '_')+1:]
	return attest.Component{
		Name: p.Name, Version: p.Version, SHA256: p.SHA256,
		Source: "pkg:deb/debian/" + url.PathEscape(p.Name) + "@" + url.QueryEscape(p.Version) +
			"?arch=" + url.QueryEscape(arch) + "&distro=" + url.QueryEscape(cmp.Or(release, debianRelease)),
	}
}

// facts are what the attestations say about the image desc.
func (j *job) facts(desc ocispec.Descriptor) attest.Facts {
	r := j.recipe
	return attest.Facts{
		Name: r.Name, Image: desc, Time: j.mtime, Components: j.parts.List(),
		Recipe: map[string]any{"layers": r.Layers, "entrypoint": r.Entrypoint, "cmd": r.Cmd, "env": r.Env, "workdir": r.WorkingDir, "user": r.User},
	}
}
