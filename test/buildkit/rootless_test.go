//go:build linux

package buildkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/content"
)

// person is a user without rights who exists for one command only.
type person struct {
	uid  int
	home string // has all files that the user needs
}

// newPerson makes the home of a user, with programs in its directory bin.
func newPerson(t *testing.T, programs ...string) person {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can be another user; the other tests are without root now")
	}
	for _, program := range []string{"rootlesskit", "newuidmap", "unshare", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	p := person{uid: 471147, home: shortDir(t)}
	for _, dir := range []string{"bin", "etc", "run"} {
		if err := os.Mkdir(filepath.Join(p.home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range programs {
		data, err := os.ReadFile(program)
		if err == nil {
			err = os.WriteFile(filepath.Join(p.home, "bin", filepath.Base(program)), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p.account(t, "passwd", fmt.Sprintf("person:x:%d:%d::%s:/bin/sh\n", p.uid, p.uid, p.home))
	p.account(t, "subuid", "person:200000:65536\n")
	p.account(t, "subgid", "person:200000:65536\n")
	return p
}

// account writes a file of /etc with a line more.
func (p person) account(t *testing.T, name, line string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/etc", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.home, "etc", name), append(data, line...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a program of the home as the user, who is known to the programs
// that this starts, and to nobody else.
func (p person) run(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	if out, err := exec.Command("chown", "-R", fmt.Sprintf("%d:%d", p.uid, p.uid), p.home).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v\n%s", err, out)
	}
	id := strconv.Itoa(p.uid)
	script := `for f in passwd subuid subgid; do mount --bind etc/$f /etc/$f || exit 99; done; exec setpriv --reuid=` + id + ` --regid=` + id + ` --clear-groups -- "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "-c", script, "sh"}, args...)...)
	cmd.Dir = p.home
	cmd.Env = append(env, "HOME="+p.home, "PATH="+p.home+"/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "XDG_RUNTIME_DIR="+p.home+"/run", "TMPDIR="+p.home)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A user without rights builds with a child, which runs in a user namespace
// with the ids that the user may have. It does not show in the image.
func TestRootless(t *testing.T) {
	tools := needTools(t)
	programWanted = true
	linuxkit, err := program()
	if err != nil {
		t.Fatal(err)
	}
	user := newPerson(t, tools+"/buildkitd", linuxkit)
	repository, cache := filepath.Join(user.home, "src"), filepath.Join(user.home, "cache")
	if err := os.Rename(writeRepository(t, packageFiles), repository); err != nil {
		t.Fatal(err)
	}
	if p := start(t, cache, "pkg", "build", "--platforms", host, filepath.Join(repository, "base")); p.end(t) != 0 {
		t.Fatal(p.log.String())
	}
	base, app := loadPackage(t, repository, "base"), loadPackage(t, repository, "app")
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	byRoot := newCache(t, base)
	if _, err := build(t.Context(), byRoot, app); err != nil {
		t.Fatal(err)
	}
	env := []string{"BUILDKIT_HOST=buildkitd://", "LINUXKIT_CACHE=" + cache, "LINUXKIT_MIRROR=http://127.0.0.1:1"}
	out, err := user.run(t, env, "linuxkit", "-v", "1", "pkg", "build", "--sbom-scanner", "builtin", "--platforms", host, filepath.Join(repository, "app"))
	if err != nil || !strings.Contains(out, "rootlesskit") {
		log, _ := os.ReadFile(filepath.Join(user.home, "run", "linuxkit", "default", "buildkitd.log"))
		t.Fatalf("%v\n%s\n%s", err, out, log)
	}
	s, err := content.Open(cache)
	if err != nil {
		t.Fatal(err)
	}
	checkApp(t, s, app)
	if left := running(t, user.home); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
	if a, b := imageOf(t, s, app, host), imageOf(t, byRoot, app, host); a.Descriptor.Digest != b.Descriptor.Digest {
		t.Errorf("the image is %s, that of root %s", a.Descriptor.Digest, b.Descriptor.Digest)
	}
}
