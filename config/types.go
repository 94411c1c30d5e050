package config

import (
	"encoding/json"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Config is one image configuration: the content of a yaml document, or of
// several merged ones. See docs/reference/yaml.md for the meaning of each
// field.
type Config struct {
	Kernel     Kernel       `json:"kernel"`
	Init       []string     `json:"init"`
	Onboot     []*Container `json:"onboot"`
	Onshutdown []*Container `json:"onshutdown"`
	Services   []*Container `json:"services"`
	Files      []*File      `json:"files"`
	Volumes    []*Volume    `json:"volumes"`

	// Fields are the places of the values that are not part of an entry, such
	// as "init.0".
	Fields Positions `json:"-"`
}

// Kernel names the image that holds the kernel and what to take from it.
type Kernel struct {
	// Image is the reference as written; empty means the section is absent.
	Image   string `json:"image"`
	Cmdline string `json:"cmdline,omitempty"`
	// Binary is the path of the kernel inside the image; empty means "kernel".
	Binary string `json:"binary,omitempty"`
	// Tar is the path of a tarball to unpack at the root; nil means
	// "kernel.tar", "" and "none" mean that there is none.
	Tar *string `json:"tar,omitempty"`
	// UCode is the path of a cpio archive with microcode; nil or "" means none.
	UCode *string `json:"ucode,omitempty"`

	Pos    Position  `json:"-"`
	Fields Positions `json:"-"`
}

// Container is an entry of onboot, onshutdown or services.
type Container struct {
	Name string `json:"name"`
	// Image is the reference as written.
	Image string `json:"image"`
	ImageConfig

	Pos    Position  `json:"-"`
	Fields Positions `json:"-"`
}

// ImageConfig holds the settings of a container that an image label
// ("org.mobyproject.config"), a package's build.yml and a yaml entry share.
// A nil pointer means that the key is absent, which differs from an empty
// value: see [MergeLabel]. The order of the fields is that of the JSON
// label.
type ImageConfig struct {
	Capabilities      *[]string          `json:"capabilities,omitempty"`
	CapabilitiesAdd   *[]string          `json:"capabilities.add,omitempty"`
	Ambient           *[]string          `json:"ambient,omitempty"`
	Mounts            *[]Mount           `json:"mounts,omitempty"`
	Binds             *[]string          `json:"binds,omitempty"`
	BindsAdd          *[]string          `json:"binds.add,omitempty"`
	Devices           *[]Device          `json:"devices,omitempty"`
	Tmpfs             *[]string          `json:"tmpfs,omitempty"`
	Command           *[]string          `json:"command,omitempty"`
	Env               *[]string          `json:"env,omitempty"`
	Cwd               string             `json:"cwd,omitempty"`
	Net               string             `json:"net,omitempty"`
	Pid               string             `json:"pid,omitempty"`
	Ipc               string             `json:"ipc,omitempty"`
	Uts               string             `json:"uts,omitempty"`
	Userns            string             `json:"userns,omitempty"`
	Hostname          string             `json:"hostname,omitempty"`
	Readonly          *bool              `json:"readonly,omitempty"`
	MaskedPaths       *[]string          `json:"maskedPaths,omitempty"`
	ReadonlyPaths     *[]string          `json:"readonlyPaths,omitempty"`
	UID               *ID                `json:"uid,omitempty"`
	GID               *ID                `json:"gid,omitempty"`
	AdditionalGids    *[]ID              `json:"additionalGids,omitempty"`
	NoNewPrivileges   *bool              `json:"noNewPrivileges,omitempty"`
	OOMScoreAdj       *int               `json:"oomScoreAdj,omitempty"`
	RootfsPropagation *string            `json:"rootfsPropagation,omitempty"`
	CgroupsPath       *string            `json:"cgroupsPath,omitempty"`
	Resources         *Resources         `json:"resources,omitempty"`
	Sysctl            *map[string]string `json:"sysctl,omitempty"`
	Rlimits           *[]string          `json:"rlimits,omitempty"`
	UIDMappings       *[]IDMapping       `json:"uidMappings,omitempty"`
	GIDMappings       *[]IDMapping       `json:"gidMappings,omitempty"`
	Annotations       *map[string]string `json:"annotations,omitempty"`
	Runtime           *Runtime           `json:"runtime,omitempty"`
}

// ID is a user or group: a number, or the name of a container whose number it
// stands for ("" and "root" are 0).
type ID struct {
	// Name is set if the value was written as a string.
	Name string
	// Number is the value if IsNumber.
	Number   uint32
	IsNumber bool
}

// MarshalJSON writes a number or a string, as the value was given.
func (i ID) MarshalJSON() ([]byte, error) {
	if i.IsNumber {
		return json.Marshal(i.Number)
	}
	return json.Marshal(i.Name)
}

// Mount is a full mount, as in the OCI runtime specification.
type Mount struct {
	Destination string      `json:"destination,omitempty"`
	Type        string      `json:"type,omitempty"`
	Source      string      `json:"source,omitempty"`
	Options     []string    `json:"options,omitempty"`
	UIDMappings []IDMapping `json:"uidMappings,omitempty"`
	GIDMappings []IDMapping `json:"gidMappings,omitempty"`
}

// IDMapping maps a range of ids of a user namespace.
type IDMapping struct {
	ContainerID uint32 `json:"containerID"`
	HostID      uint32 `json:"hostID"`
	Size        uint32 `json:"size"`
}

// Device is a device node, or a rule for a whole class if Path is "all".
type Device struct {
	Path  string `json:"path"`
	Type  string `json:"type"`
	Major int64  `json:"major"`
	Minor int64  `json:"minor"`
	// Mode is octal digits without prefix.
	Mode string `json:"mode,omitempty"`
}

// Resources are cgroup limits. The members are those of the OCI runtime
// specification; a nil pointer is an absent key.
type Resources struct {
	Devices        []specs.LinuxDeviceCgroup  `json:"devices,omitempty"`
	Memory         *specs.LinuxMemory         `json:"memory,omitempty"`
	CPU            *specs.LinuxCPU            `json:"cpu,omitempty"`
	Pids           *specs.LinuxPids           `json:"pids,omitempty"`
	BlockIO        *specs.LinuxBlockIO        `json:"blockio,omitempty"`
	HugepageLimits []specs.LinuxHugepageLimit `json:"hugepageLimits,omitempty"`
	Network        *specs.LinuxNetwork        `json:"network,omitempty"`
}

// Runtime is what init does around a container; it becomes runtime.json.
type Runtime struct {
	Cgroups    *[]string    `json:"cgroups,omitempty"`
	Mounts     *[]Mount     `json:"mounts,omitempty"`
	Mkdir      *[]string    `json:"mkdir,omitempty"`
	Interfaces *[]Interface `json:"interfaces,omitempty"`
	BindNS     *Namespaces  `json:"bindNS,omitempty"`
	Namespace  *string      `json:"namespace,omitempty"`
}

// Interface is a network device to create or move into a container.
type Interface struct {
	Name         string `json:"name,omitempty"`
	Add          string `json:"add,omitempty"`
	Peer         string `json:"peer,omitempty"`
	CreateInRoot bool   `json:"createInRoot"`
}

// Namespaces are paths on which the namespaces of a container are bound.
type Namespaces struct {
	Cgroup *string `json:"cgroup,omitempty"`
	Ipc    *string `json:"ipc,omitempty"`
	Mnt    *string `json:"mnt,omitempty"`
	Net    *string `json:"net,omitempty"`
	Pid    *string `json:"pid,omitempty"`
	User   *string `json:"user,omitempty"`
	Uts    *string `json:"uts,omitempty"`
}

// File is an entry of the files section.
type File struct {
	Path      string  `json:"path"`
	Directory bool    `json:"directory"`
	Symlink   string  `json:"symlink,omitempty"`
	Contents  *string `json:"contents,omitempty"`
	Source    string  `json:"source,omitempty"`
	Metadata  string  `json:"metadata,omitempty"`
	Optional  bool    `json:"optional"`
	// Mode is octal digits without prefix; empty means the default.
	Mode string `json:"mode,omitempty"`
	UID  *ID    `json:"uid,omitempty"`
	GID  *ID    `json:"gid,omitempty"`

	Pos    Position  `json:"-"`
	Fields Positions `json:"-"`
}

// Volume is a named directory that containers share.
type Volume struct {
	Name     string `json:"name"`
	Image    string `json:"image,omitempty"`
	Readonly bool   `json:"readonly,omitempty"`
	// Format is "filesystem" or "oci"; empty means "filesystem".
	Format    string   `json:"format,omitempty"`
	Platforms []string `json:"platforms,omitempty"`

	Pos    Position  `json:"-"`
	Fields Positions `json:"-"`
}
