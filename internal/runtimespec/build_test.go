package runtimespec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

var (
	appImage  = ocispec.ImageConfig{Entrypoint: []string{"/bin/app"}, Cmd: []string{"--default"}, Env: []string{"PATH=/bin", "MODE=image"}, WorkingDir: "/data", User: "1000"}
	bareImage = ocispec.ImageConfig{Cmd: []string{"/run.sh"}}
)

func p[T any](v T) *T { return &v }

func strs(s ...string) *[]string { return &s }

func ids(id config.ID) (uint32, error) {
	if id.Name == "svc" {
		return 102, nil
	}
	return 0, fmt.Errorf("cannot find id %q", id.Name)
}

func build(c config.ImageConfig, image ocispec.ImageConfig) (*specs.Spec, *Runtime, error) {
	return Build(Input{
		Container: config.Container{Name: "x", Image: "conf/x:v1", ImageConfig: c}, Image: image, IDs: ids,
	})
}

// TestRecorded compares with what the reference implementation made.
func TestRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		bundle, lower string
		config        config.ImageConfig
		image         ocispec.ImageConfig
	}{
		"05-app": {"services/app", "services/app/lower", config.ImageConfig{}, appImage},
		"06-app": {"services/app", "services/app/rootfs", config.ImageConfig{
			Readonly: p(true), Command: strs("/bin/app", "--flag", "two words"), Env: strs("X=1"), Cwd: "/etc", Hostname: "box",
		}, appImage},
		"11-everything": {"services/everything", "services/everything/lower", config.ImageConfig{Capabilities: strs("all")}, bareImage},
		"11-some": {"services/some", "services/everything/lower", config.ImageConfig{
			Capabilities: strs("CAP_NET_BIND_SERVICE", "CAP_CHOWN", "CAP_SETUID"), Ambient: strs("CAP_NET_BIND_SERVICE", "CAP_KILL"),
		}, bareImage},
		"11-nothing": {"services/nothing", "services/everything/lower", config.ImageConfig{Capabilities: strs("none")}, bareImage},
		"13-m": {"services/m", "services/m/lower", config.ImageConfig{
			Tmpfs: strs("/q", "/t:size=1m,nosuid"), Binds: strs("/etc/a:/etc/a", "/b:/c:rshared", "/dev:/dev"),
			Mounts: &[]config.Mount{
				{Type: "cgroup", Options: []string{"rw", "nosuid"}}, {Source: "mqueue"},
				{Type: "bind", Source: "/var/lib", Destination: "/var/lib", Options: []string{"rw", "rbind"}},
			},
		}, bareImage},
		"15-web": {"services/web", "services/web/lower", config.ImageConfig{
			Binds: strs("/containers/volumes/site/merged:/srv:rw", "/containers/volumes/frozen/merged:/frozen:ro", "/containers/volumes/blank/merged:/data"),
		}, appImage},
		"17-000-netns": {"onboot/000-netns", "onboot/000-netns/lower", config.ImageConfig{
			Net: "new",
			Runtime: &config.Runtime{
				BindNS: &config.Namespaces{Net: p("/run/netns/wg")},
				Interfaces: &[]config.Interface{
					{Name: "wg0", Add: "wireguard", CreateInRoot: true}, {Name: "veth0", Add: "veth", Peer: "veth1"},
				},
			},
		}, bareImage},
		"17-inside": {"services/inside", "onboot/000-netns/lower", config.ImageConfig{
			Net: "/run/netns/wg",
			Runtime: &config.Runtime{
				Namespace: p("custom"), Mkdir: strs("/var/lib/inside", "relative"), Cgroups: strs("one", "two/three"),
				Mounts: &[]config.Mount{{
					Type: "overlay", Source: "overlay", Destination: "writeable-host",
					Options: []string{"rw", "lowerdir=/", "upperdir=/run/hostroot/upper", "workdir=/run/hostroot/work"},
				}},
			},
		}, bareImage},
	} {
		t.Run(name, func(t *testing.T) {
			spec, runtime, err := build(c.config, c.image)
			if err != nil {
				t.Fatal(err)
			}
			runtime.Mounts = append(RootMounts("/containers/"+c.bundle, "/containers/"+c.lower, spec.Root.Readonly), runtime.Mounts...)
			compareJSON(t, name+"-config.json", spec)
			compareJSON(t, name+"-runtime.json", runtime)
		})
	}
}

func compareJSON(t *testing.T, file string, v any) {
	t.Helper()
	want, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decode(t, want), decode(t, got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestText compares the text, every key of it.
func TestText(t *testing.T) {
	c := config.ImageConfig{
		Capabilities: strs("CAP_KILL"), Ambient: strs("CAP_CHOWN"), Command: strs("/bin/app", "<&>\u2028"), Env: strs("A=b"),
		Readonly: p(true), Hostname: "box", UID: &config.ID{Name: "svc"}, GID: &config.ID{Number: 7, IsNumber: true},
		AdditionalGids: &[]config.ID{{Number: 8, IsNumber: true}, {Name: "root"}},
		Rlimits:        strs("nofile,1,unlimited"), NoNewPrivileges: p(true), OOMScoreAdj: p(0), Annotations: &map[string]string{"b": "1", "a": "2"},
		UIDMappings: &[]config.IDMapping{{HostID: 1000, ContainerID: 1, Size: 10}}, GIDMappings: &[]config.IDMapping{{HostID: 2000, ContainerID: 2, Size: 20}},
		Sysctl:      &map[string]string{"net.x": "1"},
		Resources:   &config.Resources{Memory: &specs.LinuxMemory{Limit: p(int64(100)), DisableOOMKiller: p(true)}, HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 3}}, Network: &specs.LinuxNetwork{ClassID: p(uint32(4))}},
		CgroupsPath: p("/cg"), Net: "none", Ipc: "new", Uts: "/run/uts", Pid: "host", Userns: "new",
		Devices:           &[]config.Device{{Path: "/dev/x", Type: "c", Major: 1, Minor: 2, Mode: "0666"}, {Path: "all", Type: "b"}},
		RootfsPropagation: p("shared"), MaskedPaths: strs("/m"), ReadonlyPaths: strs("/r"),
		Mounts: &[]config.Mount{{Destination: "/z", Type: "bind", Source: "/containers/volumes/site/merged", Options: []string{"bind"}, UIDMappings: []config.IDMapping{{HostID: 5, Size: 6}}}},
	}
	spec, runtime, err := build(c, appImage)
	if err != nil {
		t.Fatal(err)
	}
	compareText(t, "all-config.json", spec)
	compareText(t, "empty-runtime.json", runtime)
}

func compareText(t *testing.T, file string, v any) {
	t.Helper()
	got, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestNoCommand(t *testing.T) {
	if _, _, err := build(config.ImageConfig{}, ocispec.ImageConfig{}); !errors.Is(err, ErrNoCommand) {
		t.Errorf("no command: %v", err)
	}
	if _, _, err := build(config.ImageConfig{Command: strs()}, appImage); !errors.Is(err, ErrNoCommand) {
		t.Errorf("command removed: %v", err)
	}
}

func TestOverrides(t *testing.T) {
	spec, _, err := build(config.ImageConfig{Env: strs(), Cwd: "/y", UID: &config.ID{IsNumber: true}}, appImage)
	if err != nil {
		t.Fatal(err)
	}
	if len(spec.Process.Env) != 0 || spec.Process.Cwd != "/y" || spec.Process.User.UID != 0 {
		t.Errorf("got %+v", spec.Process)
	}
	spec, _, err = build(config.ImageConfig{}, bareImage)
	if err != nil || spec.Process.Cwd != "/" {
		t.Errorf("default directory: %+v, %v", spec.Process, err)
	}
}

func TestNamespaces(t *testing.T) {
	for name, c := range map[string]struct {
		config config.ImageConfig
		want   []string
	}{
		"default":    {config.ImageConfig{}, []string{"pid", "mount"}},
		"mixed":      {config.ImageConfig{Net: "new", Ipc: "new", Uts: "/run/uts", Pid: "host", Userns: "new"}, []string{"network", "ipc", "uts/run/uts", "user", "mount"}},
		"ipc none":   {config.ImageConfig{Net: "host", Ipc: "none"}, []string{"ipcnone", "pid", "mount"}},
		"net none":   {config.ImageConfig{Net: "none"}, []string{"network", "pid", "mount"}},
		"root":       {config.ImageConfig{Net: "root", Ipc: "root", Uts: "root", Pid: "root", Userns: "root"}, []string{"mount"}},
		"pid of old": {config.ImageConfig{Pid: "/run/pid", Userns: "/run/user"}, []string{"pid/run/pid", "user/run/user", "mount"}},
	} {
		var got []string
		for _, n := range namespaces(&c.config) {
			got = append(got, string(n.Type)+n.Path)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestCapabilitySets(t *testing.T) {
	got, err := capabilities(&config.ImageConfig{Capabilities: strs("CAP_SYS_ADMIN", "CAP_KILL", "CAP_KILL", "CAP_CHOWN")})
	if err != nil {
		t.Fatal(err)
	}
	union := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"}
	want := &specs.LinuxCapabilities{
		Effective: []string{"CAP_SYS_ADMIN", "CAP_KILL", "CAP_KILL", "CAP_CHOWN"}, Bounding: union, Inheritable: union, Permitted: union,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = capabilities(&config.ImageConfig{Ambient: strs("CAP_KILL")})
	kill := []string{"CAP_KILL"}
	want = &specs.LinuxCapabilities{Bounding: kill, Inheritable: kill, Permitted: kill, Ambient: kill}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ambient: %v (-want +got):\n%s", err, diff)
	}
}

func TestMounts(t *testing.T) {
	for name, c := range map[string]struct {
		config config.ImageConfig
		at     string
		want   specs.Mount
	}{
		"last bind counts":      {config.ImageConfig{Binds: strs("/a:/b", "/c:/b:ro")}, "/b", specs.Mount{Type: "bind", Source: "/c", Options: []string{"ro", "rbind"}}},
		"mount over bind":       {config.ImageConfig{Binds: strs("/a:/b"), Mounts: &[]config.Mount{{Type: "ext4", Source: "/dev/x", Destination: "/b"}}}, "/b", specs.Mount{Type: "ext4", Source: "/dev/x"}},
		"default, read-only":    {config.ImageConfig{Readonly: p(true)}, "/sys", specs.Mount{Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}}},
		"/dev as tmpfs":         {config.ImageConfig{Mounts: &[]config.Mount{{Destination: "/dev", Options: []string{"ro"}}}}, "/dev", specs.Mount{Type: "tmpfs", Source: "tmpfs", Options: []string{"ro"}}},
		"other type, no volume": {config.ImageConfig{Mounts: &[]config.Mount{{Type: "9p", Source: "share", Destination: "/b"}}}, "/b", specs.Mount{Type: "9p", Source: "share"}},
	} {
		spec, _, err := build(c.config, bareImage)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.want.Destination = c.at
		i := slices.IndexFunc(spec.Mounts, func(m specs.Mount) bool { return m.Destination == c.at })
		if diff := cmp.Diff(c.want, spec.Mounts[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		config config.ImageConfig
		is     error
	}{
		"bind":           {config.ImageConfig{Binds: strs("/a")}, nil},
		"tmpfs":          {config.ImageConfig{Tmpfs: strs("/a:b:c")}, nil},
		"mount":          {config.ImageConfig{Mounts: &[]config.Mount{{Type: "foo"}}}, nil},
		"capability":     {config.ImageConfig{Capabilities: strs("KILL")}, nil},
		"ambient":        {config.ImageConfig{Ambient: strs("ALL", "CAP_KILL")}, nil},
		"rlimit":         {config.ImageConfig{Rlimits: strs("nofile,1")}, nil},
		"device":         {config.ImageConfig{Devices: &[]config.Device{{Path: "/dev/x", Type: "c"}}}, nil},
		"uid":            {config.ImageConfig{UID: &config.ID{Name: "nope"}}, nil},
		"gid":            {config.ImageConfig{GID: &config.ID{Name: "5"}}, nil},
		"additional gid": {config.ImageConfig{AdditionalGids: &[]config.ID{{Name: "nope"}}}, nil},
	} {
		_, _, err := build(c.config, bareImage)
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: got error %v, want %v", name, err, c.is)
		}
	}
}
