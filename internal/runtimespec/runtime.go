package runtimespec

import (
	"encoding/json"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

// Runtime is the content of runtime.json. All of its keys are always there.
type Runtime struct {
	Cgroups    []string           `json:"cgroups"`
	Mounts     []specs.Mount      `json:"mounts"`
	Mkdir      []string           `json:"mkdir"`
	Interfaces []config.Interface `json:"interfaces"`
	BindNS     Namespaces         `json:"bindNS"`
	Namespace  string             `json:"namespace"`
}

// Namespaces are the paths on which init binds the namespaces of a container;
// an empty one means that it does not.
type Namespaces struct {
	Cgroup string `json:"cgroup"`
	Ipc    string `json:"ipc"`
	Mnt    string `json:"mnt"`
	Net    string `json:"net"`
	Pid    string `json:"pid"`
	User   string `json:"user"`
	Uts    string `json:"uts"`
}

func newRuntime(c *config.Runtime) *Runtime {
	if c == nil {
		c = &config.Runtime{}
	}
	r := &Runtime{
		Cgroups:    list(c.Cgroups),
		Mounts:     []specs.Mount{},
		Mkdir:      list(c.Mkdir),
		Interfaces: list(c.Interfaces),
		Namespace:  value(c.Namespace),
	}
	for _, m := range value(c.Mounts) {
		r.Mounts = append(r.Mounts, specMount(m))
	}
	if b := c.BindNS; b != nil {
		r.BindNS = Namespaces{
			Cgroup: value(b.Cgroup), Ipc: value(b.Ipc), Mnt: value(b.Mnt), Net: value(b.Net),
			Pid: value(b.Pid), User: value(b.User), Uts: value(b.Uts),
		}
	}
	return r
}

// list returns the list p points to, never nil.
func list[T any](p *[]T) []T {
	return append([]T{}, value(p)...)
}

// RootMounts returns the mounts that make the root file system of the bundle
// in dir out of the files in lower, both absolute paths of the booted system:
// a bind for a read-only container, else an overlay on a tmpfs.
func RootMounts(dir, lower string, readonly bool) []specs.Mount {
	rootfs, tmp := dir+"/rootfs", dir+"/tmp"
	if readonly {
		return []specs.Mount{{Destination: rootfs, Source: lower, Options: []string{"bind"}}}
	}
	return []specs.Mount{
		{Destination: tmp, Type: "tmpfs", Source: "tmpfs"},
		{Destination: tmp, Options: []string{"remount", "private"}},
		{Destination: rootfs, Type: "overlay", Source: "overlay", Options: []string{
			"lowerdir=" + lower, "upperdir=" + tmp + "/upper", "workdir=" + tmp + "/work",
		}},
	}
}

// Marshal returns the text of a file of a bundle: JSON indented by four
// blanks, without a final newline, and safe to be put into HTML.
func Marshal(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return data, nil
}
