package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ErrNoVolume is returned for a mount whose source is the name of a volume
// that does not exist.
var ErrNoVolume = errors.New("volume not found")

// volumesDir is where volumes are on the target.
const volumesDir = "/containers/volumes"

// Volume returns the volume of that name, or nil.
func (c *Config) Volume(name string) *Volume {
	for _, v := range c.Volumes {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Path returns the directory of the volume on the target that containers
// mount.
func (v *Volume) Path() string { return path.Join(volumesDir, v.Name, "merged") }

// VolumeMount returns m with the directory of the volume as its source, if m
// is of type bind and its source, which does not begin with "/", names a
// volume; other mounts are returned as they are. It is an error if there is no
// such volume ([ErrNoVolume]), or if it is read-only and m is not.
func (c *Config) VolumeMount(m Mount) (Mount, error) {
	if m.Type != "bind" || strings.HasPrefix(m.Source, "/") {
		return m, nil
	}
	v := c.Volume(m.Source)
	if v == nil {
		return m, fmt.Errorf("%w: %q; add it to the volumes section, or begin the path with \"/\"", ErrNoVolume, m.Source)
	}
	if v.Readonly && !isReadonly(m.Options) {
		return m, fmt.Errorf("attempt to mount read-only volume %q read-write on %s; add the option ro", v.Name, m.Destination)
	}
	m.Source = v.Path()
	return m, nil
}

// isReadonly says whether the first of the options "ro" and "rw" is "ro".
func isReadonly(options []string) bool {
	i := slices.IndexFunc(options, func(o string) bool { return o == "ro" || o == "rw" })
	return i >= 0 && options[i] == "ro"
}

// VolumeBind is [Config.VolumeMount] for a bind in its short form,
// "source:destination[:option,...]".
func (c *Config) VolumeBind(bind string) (string, error) {
	m, err := ParseBind(bind)
	if err != nil {
		if !strings.Contains(bind, ":") && !strings.HasPrefix(bind, "/") && c.Volume(bind) == nil {
			return "", fmt.Errorf("%w: %q; and a bind has the form source:destination[:option,...]", ErrNoVolume, bind)
		}
		return "", err
	}
	resolved, err := c.VolumeMount(m)
	if err != nil {
		return "", err
	}
	return resolved.Source + strings.TrimPrefix(bind, m.Source), nil
}

// ResolveVolumes returns the settings of a container with the volumes in its
// binds and mounts replaced by their directories. It is meant for the settings
// of the configuration, before [MergeLabel]: names in a label are no volumes.
func (c *Config) ResolveVolumes(own ImageConfig) (ImageConfig, error) {
	var err error
	if own.Binds, err = c.resolveBinds(own.Binds); err != nil {
		return own, err
	}
	if own.BindsAdd, err = c.resolveBinds(own.BindsAdd); err != nil {
		return own, err
	}
	if own.Mounts == nil {
		return own, nil
	}
	mounts := slices.Clone(*own.Mounts)
	for i, m := range mounts {
		if mounts[i], err = c.VolumeMount(m); err != nil {
			return own, err
		}
	}
	own.Mounts = &mounts
	return own, nil
}

func (c *Config) resolveBinds(binds *[]string) (*[]string, error) {
	if binds == nil {
		return nil, nil
	}
	list := slices.Clone(*binds)
	for i, b := range list {
		var err error
		if list[i], err = c.VolumeBind(b); err != nil {
			return nil, err
		}
	}
	return &list, nil
}
