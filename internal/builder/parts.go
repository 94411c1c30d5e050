package builder

import (
	"cmp"
	"debug/buildinfo"
	"net/url"
	"path"
	"runtime/debug"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/attest"
)

// parts are what an image is made of, each once, in the order of the layers.
type parts struct {
	list  []attest.Component
	index map[string]int // by source
}

func (p *parts) add(c attest.Component) int {
	if i, ok := p.index[c.Source]; ok {
		return i
	}
	if p.index == nil {
		p.index = map[string]int{}
	}
	p.list = append(p.list, c)
	p.index[c.Source] = len(p.list) - 1
	return len(p.list) - 1
}

// addGo adds the modules that were linked into a program: the binary itself
// tells them.
func (p *parts) addGo(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	version := strings.TrimPrefix(info.GoVersion, "go")
	version, _, _ = strings.Cut(version, " ") // experiments
	needs := []int{p.add(goComponent("stdlib", version))}
	for _, m := range info.Deps {
		needs = append(needs, p.add(moduleComponent(m)))
	}
	main := moduleComponent(&info.Main)
	if info.Main.Path == "" { // a package without module
		main = goComponent(info.Path, "")
	}
	at := p.add(main)
	p.list[at].Needs = merge(p.list[at].Needs, needs, at)
	return nil
}

func moduleComponent(m *debug.Module) attest.Component {
	for m.Replace != nil {
		m = m.Replace
	}
	if m.Version == "(devel)" || m.Version == "" {
		return goComponent(m.Path, "")
	}
	return goComponent(m.Path, m.Version)
}

func goComponent(name, version string) attest.Component {
	source := "pkg:golang/" + name
	if version != "" {
		source += "@" + url.QueryEscape(version)
	}
	return attest.Component{Name: name, Version: version, Source: source}
}

// merge adds to have what it lacks of more, except self.
func merge(have, more []int, self int) []int {
	seen := map[int]bool{self: true}
	for _, n := range have {
		seen[n] = true
	}
	for _, n := range more {
		if !seen[n] {
			seen[n] = true
			have = append(have, n)
		}
	}
	return have
}

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
		Name: r.Name, Image: desc, Time: j.mtime, Components: j.parts.list,
		Recipe: map[string]any{"layers": r.Layers, "entrypoint": r.Entrypoint, "cmd": r.Cmd, "env": r.Env, "workdir": r.WorkingDir, "user": r.User},
	}
}
