// Package services starts and stops the services of the system in containerd,
// as section 10 of the guest contract describes it.
//
// It starts containerd, and what a bundle wants besides its container. Nothing
// here restarts a service that has ended.
package services

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/bundle"
	"github.com/linuxkit/linuxkit/pkg/init/internal/ctrd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/streams"
)

const (
	// Grace is the time a service has to end after it was told to.
	Grace = 10 * time.Second
	// shutdownGrace is that time when the system goes down.
	shutdownGrace = 5 * time.Second
	// killTimeout is the time it has to be gone after it was killed.
	killTimeout = 30 * time.Second
)

var errNotRunning = errors.New("does not run")

// Manager starts and stops services.
type Manager struct {
	// Socket is where containerd listens, Program where it is.
	Socket, Program string
	// Config is the file about how to start it.
	Config string
	// Path holds the bundles, a directory each.
	Path string
	// Namespace is the one of services that ask for no other.
	Namespace string
	// Gate is a file by which starting all services and stopping all exclude
	// each other.
	Gate string
	// Log takes messages; the debug ones are nil-safe.
	Log, Debug io.Writer
}

func (m *Manager) say(w io.Writer, format string, args ...any) {
	if w != nil {
		_, _ = fmt.Fprintf(w, format+"\n", args...)
	}
}

// Init starts containerd and every service. A service that cannot be started
// is reported and does not keep the others from starting.
func (m *Manager) Init() error {
	if err := os.Remove(m.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old socket of containerd: %w", err)
	}
	config, err := loadConfig(m.Config)
	if err != nil {
		return err
	}
	d, err := startDaemon(m.Program, config)
	if err != nil {
		return err
	}
	client, err := d.connect(m.Socket, m.Namespace)
	if err != nil {
		return err
	}
	defer client.Close()
	names, err := m.names()
	if err != nil {
		return err
	}
	m.removeStale(client, names)
	for _, name := range names {
		if err := m.startOne(client, name); errors.Is(err, errClosed) {
			m.say(m.Log, "service %s and those after it are not started: %v", name, err)
			return nil
		} else if err != nil {
			m.say(m.Log, "error creating service %s: %v", name, err)
		}
	}
	return nil
}

func (m *Manager) startOne(client *ctrd.Client, name string) error {
	leave, err := gate(m.Gate).enter()
	if errors.Is(err, errClosed) {
		return err
	}
	defer leave()
	return m.start(client, name, "")
}

// names lists the services of the system in order.
func (m *Manager) names() ([]string, error) {
	entries, err := os.ReadDir(m.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// removeStale removes containers of a containerd that ran before.
func (m *Manager) removeStale(client *ctrd.Client, names []string) {
	spaces := map[string]bool{client.Namespace(): true}
	for _, name := range names {
		if rt, err := bundle.Load(filepath.Join(m.Path, name)); err == nil && rt.Namespace != "" {
			spaces[rt.Namespace] = true
		}
	}
	for space := range spaces {
		c := client.In(space)
		ids, err := c.Containers()
		if err != nil {
			m.say(m.Log, "error listing old containers: %v", err)
			continue
		}
		for _, id := range ids {
			m.say(m.Log, "removing stale container %s", id)
			if err := m.remove(c, id, 0); err != nil {
				m.say(m.Log, "error removing container %s: %v", id, err)
			}
		}
	}
}

// Start starts one service. If dump is not empty the specification given to
// containerd is also written to that file.
func (m *Manager) Start(name, dump string) error {
	client, err := ctrd.Dial(m.Socket, m.Namespace)
	if err != nil {
		return err
	}
	defer client.Close()
	return m.start(client, name, dump)
}

func (m *Manager) start(client *ctrd.Client, name, dump string) error {
	dir, rt, err := m.load(name)
	if err != nil {
		return err
	}
	if rt.Namespace != "" {
		client = client.In(rt.Namespace)
	}
	// Before anything is mounted: a running service must not be hidden under it.
	exists, err := client.Exists(name)
	if err != nil {
		return err
	}
	if exists {
		return fmt.Errorf("service %s exists already; stop it first", name)
	}
	warnings, err := rt.Prepare(dir)
	if err != nil {
		bundle.Release(dir)
		return fmt.Errorf("prepare the bundle: %w", err)
	}
	if warnings != nil {
		m.say(m.Log, "service %s: %v", name, warnings)
	}
	spec, err := specification(dir)
	if err != nil {
		return err
	}
	if dump != "" {
		if err := os.WriteFile(dump, spec, 0o644); err != nil {
			return fmt.Errorf("write the specification: %w", err)
		}
	}
	return m.launch(client, name, spec, rt)
}

// launch creates container and process, prepares and starts. After a failure
// what there is stays for inspection.
func (m *Manager) launch(client *ctrd.Client, name string, spec []byte, rt *bundle.Runtime) error {
	if err := client.CreateContainer(name, spec); err != nil {
		return fmt.Errorf("create the container: %w", err)
	}
	log := streams.Choose("/var/log", "")
	stdout, err := log.Path(name + ".out")
	if err != nil {
		m.say(m.Log, "service %s: its output is discarded: %v", name, err)
	}
	stderr, err := log.Path(name)
	if err != nil {
		m.say(m.Log, "service %s: its errors are discarded: %v", name, err)
	}
	pid, err := client.CreateTask(name, stdout, stderr)
	if err != nil {
		return fmt.Errorf("create the task: %w", err)
	}
	if err := rt.PrepareProcess(pid, os.Stderr); err != nil {
		return fmt.Errorf("prepare the process: %w", err)
	}
	if err := client.StartTask(name); err != nil {
		return fmt.Errorf("start the task: %w", err)
	}
	m.say(m.Debug, "started service %s", name)
	return nil
}

// load reads the runtime.json of a service.
func (m *Manager) load(name string) (dir string, rt *bundle.Runtime, err error) {
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return "", nil, fmt.Errorf("service name %q: must be the name of a directory in %s", name, m.Path)
	}
	dir = filepath.Join(m.Path, name)
	if _, err := os.Stat(dir); err != nil {
		return "", nil, fmt.Errorf("no service %s: %w", name, err)
	}
	rt, err = bundle.Load(dir)
	return dir, rt, err
}

// specification is the config.json of a bundle with an absolute root.path.
func specification(dir string) ([]byte, error) {
	path := filepath.Join(dir, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of the container: %w", err)
	}
	spec, err := absoluteRoot(raw, bundle.Rootfs(dir))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return spec, nil
}

func absoluteRoot(raw []byte, root string) ([]byte, error) {
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(raw, &spec); err != nil {
		return nil, err
	}
	if spec == nil {
		return nil, errors.New("no configuration of a container")
	}
	old := map[string]any{}
	if len(spec["root"]) > 0 {
		if err := json.Unmarshal(spec["root"], &old); err != nil {
			return nil, fmt.Errorf("root: %w", err)
		}
	}
	if old == nil {
		old = map[string]any{}
	}
	old["path"] = root
	var err error
	if spec["root"], err = json.Marshal(old); err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}

// StopAll ends all services at the same time, before the system does, and lets
// none be started from then on. What cannot be stopped is reported and left to
// PID 1.
func (m *Manager) StopAll() error {
	if err := gate(m.Gate).close(Grace); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.say(m.Log, "%v", err)
	}
	names, err := m.names()
	if err != nil {
		return err
	}
	var stopping sync.WaitGroup
	for _, name := range names {
		stopping.Go(func() {
			if err := m.stop(name, shutdownGrace); err != nil && !errors.Is(err, errNotRunning) {
				m.say(m.Log, "error stopping service %s: %v", name, err)
			}
		})
	}
	stopping.Wait()
	return nil
}

// Stop ends a service, with a grace period, and removes what was made for it.
func (m *Manager) Stop(name string) error { return m.stop(name, Grace) }

func (m *Manager) stop(name string, grace time.Duration) error {
	client, err := ctrd.Dial(m.Socket, m.Namespace)
	if err != nil {
		return err
	}
	defer client.Close()
	_, rt, err := m.load(name)
	if err != nil {
		return err
	}
	if rt.Namespace != "" {
		client = client.In(rt.Namespace)
	}
	exists, err := client.Exists(name)
	if err != nil {
		return err
	}
	if !exists {
		return fmt.Errorf("service %s %w", name, errNotRunning)
	}
	return m.remove(client, name, grace)
}

// remove ends a container and unmounts its root. Without grace it is killed.
func (m *Manager) remove(client *ctrd.Client, id string, grace time.Duration) error {
	if err := m.end(client, id, grace); err != nil {
		return err
	}
	if err := client.DeleteContainer(id); err != nil && !ctrd.IsNotFound(err) {
		return fmt.Errorf("delete the container: %w", err)
	}
	bundle.Release(filepath.Join(m.Path, id))
	return nil
}

// end ends the task of a container, if it has one, and deletes it.
func (m *Manager) end(client *ctrd.Client, id string, grace time.Duration) error {
	gone := false
	if grace > 0 {
		// One that has ended cannot be signalled; waiting tells.
		if err := client.KillTask(id, int(unix.SIGTERM), false); err != nil && !ctrd.IsNotFound(err) {
			return fmt.Errorf("tell the task to end: %w", err)
		}
		err := client.WaitTask(id, grace)
		if ctrd.IsNotFound(err) {
			return m.deleteTask(client, id)
		}
		gone = err == nil
	}
	if !gone {
		if err := client.KillTask(id, int(unix.SIGKILL), true); err != nil && !ctrd.IsNotFound(err) {
			return fmt.Errorf("kill the task: %w", err)
		}
		if err := client.WaitTask(id, killTimeout); err != nil && !ctrd.IsNotFound(err) {
			return fmt.Errorf("wait for the task: %w", err)
		}
	}
	return m.deleteTask(client, id)
}

func (m *Manager) deleteTask(client *ctrd.Client, id string) error {
	if err := client.DeleteTask(id); err != nil && !ctrd.IsNotFound(err) {
		return fmt.Errorf("delete the task: %w", err)
	}
	return nil
}
