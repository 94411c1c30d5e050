//go:build linux

package buildkit

import (
	"net"
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
