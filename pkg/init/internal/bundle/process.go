package bundle

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/rtnl"
)

// PrepareProcess gives the network devices to the process of a created
// container and binds its namespaces. What it did goes to log, a line each.
func (rt *Runtime) PrepareProcess(pid int, log io.Writer) error {
	if len(rt.Interfaces) > 0 {
		conn, err := rtnl.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		for _, i := range rt.Interfaces {
			if err := i.give(conn, pid, log); err != nil {
				return err
			}
		}
	}
	for _, b := range rt.BindNS.list() {
		if err := bindNamespace(pid, b.kind, b.path); err != nil {
			return err
		}
	}
	return nil
}

// links is what this package needs of rtnl.
type links interface {
	Create(rtnl.Link) error
	Move(name string, pid int) error
}

// give creates or moves one device.
func (i Interface) give(conn links, pid int, log io.Writer) error {
	link, move, err := i.plan(pid)
	if err != nil {
		return err
	}
	if link.Kind != "" {
		if err := conn.Create(link); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(log, "Created interface %s type %s\n", i.Name, link.Kind)
	}
	if move {
		if err := conn.Move(i.Name, pid); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(log, "Moved interface %s to pid %d\n", i.Name, pid)
	}
	return nil
}

// plan says what to create, if anything, and whether a device of the system is
// moved then.
func (i Interface) plan(pid int) (link rtnl.Link, move bool, err error) {
	if i.Name == "" {
		return link, false, fmt.Errorf("network interface without a name in runtime.json")
	}
	kind := i.Add
	if kind == "" && i.Peer != "" {
		kind = "veth"
	}
	if kind == "veth" && i.Peer == "" {
		return link, false, fmt.Errorf("interface %s of type veth needs a peer", i.Name)
	}
	if kind == "" {
		return link, true, nil
	}
	link = rtnl.Link{Name: i.Name, Kind: kind, Peer: i.Peer}
	if i.Peer == "" && !i.CreateInRoot {
		link.PID = pid
		return link, false, nil
	}
	return link, true, nil
}

type boundNamespace struct{ kind, path string }

// list returns the namespaces that are wanted, in the order they are bound.
func (n Namespaces) list() []boundNamespace {
	all := []boundNamespace{
		{"cgroup", n.Cgroup}, {"ipc", n.IPC}, {"mnt", n.Mnt}, {"net", n.Net},
		{"pid", n.PID}, {"user", n.User}, {"uts", n.UTS},
	}
	wanted := all[:0]
	for _, b := range all {
		if b.path != "" {
			wanted = append(wanted, b)
		}
	}
	return wanted
}

func bindNamespace(pid int, kind, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("bind the %s namespace: %w", kind, err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("bind the %s namespace: %w", kind, err)
	}
	_ = f.Close()
	source := fmt.Sprintf("/proc/%d/ns/%s", pid, kind)
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", source, path, err)
	}
	return nil
}
