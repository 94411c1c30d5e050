//go:build linux

package buildkit

import (
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/pkglib"
)

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// remote is how to reach a daemon of startRemote.
type remote struct {
	address, certificates string
	host                  *namespace // nil if it is on the loopback
}

// full is the address with what encryption needs.
func (r remote) full() string { return r.address + "?tlsdir=" + r.certificates }

// startRemote runs a daemon that wants certificates, in the network of a host
// of that number if there can be such.
func startRemote(t *testing.T, number int) (*daemon, remote) {
	t.Helper()
	r := remote{certificates: t.TempDir()}
	var runner []string
	where := freePort(t)
	if n, err := newNamespace(t, number); err != nil {
		t.Logf("on the loopback: %v", err)
	} else {
		r.host, runner, where = n, n.runner(), net.JoinHostPort(n.ip, "1234")
	}
	ip, _, err := net.SplitHostPort(where)
	if err != nil {
		t.Fatal(err)
	}
	writeCertificates(t, r.certificates, ip)
	r.address = "tcp://" + where
	file := func(name string) string { return filepath.Join(r.certificates, name) }
	return startDaemonWith(t, runner, "--addr", r.address, "--tlscacert", file("ca.pem"), "--tlscert", file("cert.pem"), "--tlskey", file("key.pem")), r
}

func TestTLS(t *testing.T) {
	needTools(t)
	base, app := packages(t)
	_, r := startRemote(t, 0)
	s := newCache(t, base)
	t.Setenv("BUILDKIT_HOST", r.full())
	if _, err := build(t.Context(), s, app); err != nil {
		t.Fatal(err)
	}
	checkApp(t, s, app)
	for _, refused := range []string{"?cacert=" + filepath.Join(r.certificates, "ca.pem"), "?servername=other&tlsdir=" + r.certificates} {
		t.Setenv("BUILDKIT_HOST", r.address+refused)
		if _, err := build(t.Context(), s, app, pkglib.WithBuildForce()); err == nil || !strings.Contains(err.Error(), "could not communicate with BuildKit") {
			t.Errorf("%s: %v", refused, err)
		}
	}
}

// A daemon that ends during a build, or whose host vanishes from the network,
// is replaced by another.
func TestLost(t *testing.T) {
	needTools(t)
	t.Run("killed", func(t *testing.T) {
		testLost(t, func(victim *daemon, _ remote) { victim.cmd.Process.Kill() })
	})
	t.Run("vanished", func(t *testing.T) {
		testLost(t, func(_ *daemon, r remote) { r.host.vanish(t) })
	})
}

func testLost(t *testing.T, lose func(*daemon, remote)) {
	base, app := packages(t)
	victim, first := startRemote(t, 0)
	_, second := startRemote(t, 1)
	if strings.HasSuffix(t.Name(), "vanished") && first.host == nil {
		t.Skip("no network namespaces can be made here")
	}
	s := newCache(t, base)
	var log lockedBuffer
	go func() {
		for range 600 {
			if strings.Contains(log.String(), "RUN --network=none") {
				time.Sleep(500 * time.Millisecond)
				lose(victim, first)
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	p := pausing{runner: pkglib.NewDockerRunner(true, pkglib.BuilderConfig{})}
	defer p.runner.Close(t.Context())
	both := map[string]string{host: first.full() + "," + second.full()}
	_, err := build(t.Context(), s, app, pkglib.WithBuildDocker(&p), pkglib.WithProgressWriter(&log), pkglib.WithBuildBuilders(both))
	if err != nil || p.builds != 2 {
		t.Fatalf("%d builds, %v\n%s", p.builds, err, log.String())
	}
	checkApp(t, s, app)
	_, err = build(t.Context(), s, app, pkglib.WithBuildForce(), pkglib.WithBuildBuilders(map[string]string{host: first.full()}))
	if err == nil || !strings.Contains(err.Error(), first.address) {
		t.Errorf("with the lost daemon only: %v", err)
	}
}

// The builds for a platform go to the builder that is named for it, those for
// others elsewhere. Steps that run on the platform of the builder need no
// emulator.
func TestPlatformBuilder(t *testing.T) {
	needTools(t)
	files := maps.Clone(packageFiles)
	files["app/Dockerfile"] = "ARG BASE\nFROM --platform=$BUILDPLATFORM ${BASE} AS build\nARG TARGETARCH\nENV ARCH=$TARGETARCH\n" +
		"RUN [\"/bin/stamp\", \"$ARCH\"]\nFROM scratch\nCOPY --from=build /stamped /\n"
	dir := writeRepository(t, files)
	app := loadPackage(t, dir, "app")
	s := newCache(t, loadPackage(t, dir, "base"))
	foreign := map[string]string{"linux/amd64": "linux/arm64", "linux/arm64": "linux/amd64"}[host]
	_, named := startRemote(t, 0)
	other := "unix://" + shortDir(t) + "/sock"
	startDaemon(t, "--addr", other)
	t.Setenv("BUILDKIT_HOST", other)
	builders := pkglib.WithBuildBuilders(map[string]string{foreign: named.full()})
	if _, err := buildFor(t.Context(), foreign, s, app, builders); err != nil {
		t.Fatal(err)
	}
	if got := stamped(t, other); len(got) > 0 {
		t.Errorf("steps of %s were done elsewhere: %q", foreign, got)
	}
	if _, err := build(t.Context(), s, app, builders); err != nil {
		t.Fatal(err)
	}
	if here, there := stamped(t, other), stamped(t, named.address, named.flags()...); len(here) != 1 || len(there) != 1 {
		t.Errorf("%s was built by %q, %s by %q", host, here, foreign, there)
	}
	for _, platform := range []string{host, foreign} {
		img := imageOf(t, s, app, platform)
		if got := fileOf(t, img, "stamped"); "linux/"+got != platform || "linux/"+img.Config.Architecture != platform {
			t.Errorf("image of %s: %q, %s", platform, got, img.Config.Architecture)
		}
	}
}

// stamped lists what a daemon keeps of the steps it has done.
func stamped(t *testing.T, address string, flags ...string) []string {
	t.Helper()
	out, err := exec.Command("buildctl", append([]string{"--addr", address}, append(flags, "du", "--verbose")...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("buildctl: %v\n%s", err, out)
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "/bin/stamp") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// flags are those of buildctl.
func (r remote) flags() []string {
	return []string{"--tlscacert", filepath.Join(r.certificates, "ca.pem"), "--tlscert", filepath.Join(r.certificates, "cert.pem"), "--tlskey", filepath.Join(r.certificates, "key.pem")}
}
