package runtimespec

import (
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

// ErrNoCommand means that neither a container nor its image says what to run.
var ErrNoCommand = errors.New("no command to run")

// ociVersion is the version of the runtime specification that the result
// conforms to.
const ociVersion = "1.2.1"

// Input is what the files of a bundle are made of.
type Input struct {
	// Container is the entry of the configuration, merged with the label of
	// the image by [config.MergeLabel]. Volumes are resolved already.
	Container config.Container
	// Image is the configuration of the image. Its user is not looked at.
	Image ocispec.ImageConfig
	// IDs returns the number of a user or group.
	IDs func(config.ID) (uint32, error)
}

// Build returns the content of config.json and of runtime.json. The mounts of
// the latter lack those that make the root file system: see [RootMounts].
func Build(in Input) (*specs.Spec, *Runtime, error) {
	c := &in.Container.ImageConfig
	process, err := in.process()
	if err != nil {
		return nil, nil, err
	}
	mounts, err := in.mounts()
	if err != nil {
		return nil, nil, err
	}
	linux, err := linux(c)
	if err != nil {
		return nil, nil, err
	}
	spec := &specs.Spec{
		Version:     ociVersion,
		Process:     process,
		Root:        &specs.Root{Path: "rootfs", Readonly: value(c.Readonly)},
		Hostname:    c.Hostname,
		Mounts:      mounts,
		Annotations: value(c.Annotations),
		Linux:       linux,
	}
	return spec, newRuntime(c.Runtime), nil
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func (in *Input) process() (*specs.Process, error) {
	c := &in.Container.ImageConfig
	args, err := in.args()
	if err != nil {
		return nil, err
	}
	user, err := in.user()
	if err != nil {
		return nil, err
	}
	capabilities, err := capabilities(c)
	if err != nil {
		return nil, err
	}
	rlimits, err := rlimits(value(c.Rlimits))
	if err != nil {
		return nil, err
	}
	return &specs.Process{
		User:            *user,
		Args:            args,
		Env:             in.env(),
		Cwd:             in.cwd(),
		Capabilities:    capabilities,
		Rlimits:         rlimits,
		NoNewPrivileges: value(c.NoNewPrivileges),
		OOMScoreAdj:     c.OOMScoreAdj,
	}, nil
}

func (in *Input) args() ([]string, error) {
	args := append(append([]string{}, in.Image.Entrypoint...), in.Image.Cmd...)
	if c := in.Container.Command; c != nil {
		args = *c
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: image %s has neither entrypoint nor cmd; give the container a command", ErrNoCommand, in.Container.Image)
	}
	return args, nil
}

func (in *Input) env() []string {
	if e := in.Container.Env; e != nil {
		return *e
	}
	return in.Image.Env
}

func (in *Input) cwd() string {
	switch {
	case in.Container.Cwd != "":
		return in.Container.Cwd
	case in.Image.WorkingDir != "":
		return in.Image.WorkingDir
	default:
		return "/"
	}
}

func (in *Input) user() (*specs.User, error) {
	c := &in.Container.ImageConfig
	uid, err := in.id("uid", c.UID)
	if err != nil {
		return nil, err
	}
	gid, err := in.id("gid", c.GID)
	if err != nil {
		return nil, err
	}
	user := &specs.User{UID: uid, GID: gid}
	for _, g := range value(c.AdditionalGids) {
		gid, err := in.id("additionalGids", &g)
		if err != nil {
			return nil, err
		}
		user.AdditionalGids = append(user.AdditionalGids, gid)
	}
	return user, nil
}

func (in *Input) id(field string, id *config.ID) (uint32, error) {
	switch {
	case id == nil:
		return 0, nil
	case id.IsNumber:
		return id.Number, nil
	case id.Name == "" || id.Name == "root":
		return 0, nil
	}
	n, err := in.IDs(*id)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", field, err)
	}
	return n, nil
}

func rlimits(list []string) ([]specs.POSIXRlimit, error) {
	var limits []specs.POSIXRlimit
	for _, s := range list {
		l, err := config.ParseRlimit(s)
		if err != nil {
			return nil, err
		}
		limits = append(limits, l)
	}
	return limits, nil
}
