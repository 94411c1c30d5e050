// Package bundle prepares what a container needs outside of its runtime: the
// instructions of runtime.json beside an OCI bundle, as section 9 of the guest
// contract describes them. It mounts, makes directories and control groups
// before a container is created, and devices and namespaces once it has a
// process.
//
// It starts no container and reads nothing of config.json. A path that leads
// into the files of an image never leaves them, whatever links the image holds.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Runtime is the content of runtime.json.
type Runtime struct {
	Mounts     []Mount     `json:"mounts"`
	Mkdir      []string    `json:"mkdir"`
	Cgroups    []string    `json:"cgroups"`
	Interfaces []Interface `json:"interfaces"`
	BindNS     Namespaces  `json:"bindNS"`
	// Namespace is the containerd namespace of a service; empty for the default.
	Namespace string `json:"namespace"`
}

// Mount is a mount(2) in the mount namespace of the system.
type Mount struct {
	// Destination is below the root of the container if it is relative.
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

// Interface is a network device of a container.
type Interface struct {
	Name string `json:"name"`
	// Add is the type of a device to create; empty moves an existing one.
	Add string `json:"add"`
	// Peer names the end of a pair that stays with the system.
	Peer         string `json:"peer"`
	CreateInRoot bool   `json:"createInRoot"`
}

// Namespaces are the paths on which the namespaces of a container are bound.
type Namespaces struct {
	Cgroup string `json:"cgroup"`
	IPC    string `json:"ipc"`
	Mnt    string `json:"mnt"`
	Net    string `json:"net"`
	PID    string `json:"pid"`
	User   string `json:"user"`
	UTS    string `json:"uts"`
}

// ErrMalformed is wrapped by the error about a runtime.json that is no such thing.
var ErrMalformed = errors.New("malformed runtime.json")

// Load reads the runtime.json of a bundle. A missing file asks for nothing.
func Load(dir string) (*Runtime, error) {
	path := filepath.Join(dir, "runtime.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Runtime{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the runtime configuration: %w", err)
	}
	rt, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rt, nil
}

// Parse decodes a runtime.json. Keys that are not known are left alone, so that
// a bundle of a newer build tool still boots.
func Parse(raw []byte) (*Runtime, error) {
	var rt Runtime
	if err := json.Unmarshal(raw, &rt); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return &rt, nil
}

// NeedsProcess tells whether something is to be done between the creation of
// the container and its start.
func (rt *Runtime) NeedsProcess() bool {
	return len(rt.Interfaces) > 0 || rt.BindNS != Namespaces{}
}
