package config

import (
	"errors"
	"slices"
)

func (c *checker) container(ctr *Container, path string) {
	e := entry{c, path, ctr.At}
	if !containerName.MatchString(ctr.Name) {
		e.fail("name", "invalid name %q; want letters, digits, \"_\", \".\" and \"-\", beginning with a letter or digit", clip(ctr.Name))
	}
	own := &ctr.ImageConfig
	e.capabilities("capabilities", own.Capabilities)
	e.capabilities("capabilities.add", own.CapabilitiesAdd)
	e.capabilities("ambient", own.Ambient)
	e.binds("binds", own.Binds)
	e.binds("binds.add", own.BindsAdd)
	each(e, "tmpfs", own.Tmpfs, func(s string) error { _, err := ParseTmpfs(s); return err })
	each(e, "mounts", own.Mounts, e.mount)
	each(e, "rlimits", own.Rlimits, func(s string) error { _, err := ParseRlimit(s); return err })
	each(e, "devices", own.Devices, checkDevice)
	e.id("uid", own.UID)
	e.id("gid", own.GID)
	each(e, "additionalGids", own.AdditionalGids, func(id ID) error { _, err := e.ids(id); return err })
	e.process(own)
	if own.Runtime != nil {
		e.runtime(own.Runtime)
	}
}

// each reports the faults of the items of a list that may be absent.
func each[T any](e entry, path string, list *[]T, check func(T) error) {
	if list == nil {
		return
	}
	for i, v := range *list {
		e.report(item(path, i), check(v))
	}
}

func (e entry) capabilities(path string, list *[]string) {
	if list != nil {
		_, err := Capabilities(*list)
		e.report(path, err)
	}
}

func (e entry) binds(path string, list *[]string) {
	each(e, path, list, func(s string) error { _, err := e.cfg.VolumeBind(s); return err })
}

func (e entry) mount(m Mount) error {
	if _, err := e.cfg.VolumeMount(m); err != nil {
		return err
	}
	_, err := CompleteMount(m)
	return err
}

func checkDevice(d Device) error {
	if d.Path == "" {
		return errors.New("missing path; want that of a node, such as /dev/fuse, or \"all\"")
	}
	_, _, err := ParseDevice(d)
	return err
}

// propagations are those of mount(2) that a runtime knows.
var propagations = []string{
	"", "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable",
}

func (e entry) process(own *ImageConfig) {
	if score := own.OOMScoreAdj; score != nil && (*score < -1000 || *score > 1000) {
		e.fail("oomScoreAdj", "%d is out of range; want -1000 to 1000", *score)
	}
	if p := own.RootfsPropagation; p != nil && !slices.Contains(propagations, *p) {
		e.fail("rootfsPropagation", "unknown propagation %q; want shared, slave, private or unbindable", clip(*p))
	}
}

func (e entry) runtime(r *Runtime) {
	each(e, "runtime.mounts", r.Mounts, func(m Mount) error {
		if m.Destination == "" {
			return errors.New("missing destination")
		}
		return nil
	})
	each(e, "runtime.mkdir", r.Mkdir, notEmpty)
	each(e, "runtime.cgroups", r.Cgroups, notEmpty)
	each(e, "runtime.interfaces", r.Interfaces, checkInterface)
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("empty name; remove the item")
	}
	return nil
}

func checkInterface(i Interface) error {
	switch {
	case i.Name == "":
		return errors.New("missing name of the interface")
	case i.Add == "veth" && i.Peer == "":
		return errors.New("a veth interface needs a peer; add one")
	}
	return nil
}
