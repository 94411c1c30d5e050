//go:build linux

package buildkit

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of four processes that build ten packages into one cache, with one daemon,
// the one that has started the daemon is killed. The others do not notice, and
// another run finds all.
func TestKilledUser(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	files := maps.Clone(packageFiles)
	args := []string{"pkg", "build", "--sbom-scanner", "builtin", "--platforms", host}
	var names []string
	for i := range 10 {
		name := fmt.Sprintf("app%d", i)
		names = append(names, name)
		files[name+"/build.yml"] = "image: " + name + "\nbuildArgs: [\"BASE=@lkt:pkg:../base\"]\n"
		files[name+"/Dockerfile"] = "ARG BASE\nFROM ${BASE}\nENV PAUSE=300ms\nRUN [\"/bin/stamp\", \"" + name + "\"]\n"
	}
	dir, cache := writeRepository(t, files), t.TempDir()
	for _, name := range append([]string{"base"}, names...) {
		args = append(args, filepath.Join(dir, name))
	}
	victim := start(t, cache, args...)
	if !eventually(func() bool { return recorded(cache) > 0 }) {
		victim.Process.Kill()
		t.Fatal(victim.log.String())
	}
	var others []*process
	for range 3 {
		others = append(others, start(t, cache, args...))
	}
	if !eventually(func() bool { return recorded(cache) > 2 }) {
		t.Error("nothing more is built")
	}
	victim.Process.Kill()
	if status := victim.end(t); status != -1 {
		t.Errorf("it was not killed: status %d", status)
	}
	for _, p := range others {
		if status := p.end(t); status != 0 {
			t.Errorf("status %d:\n%s", status, p.log.String())
		}
	}
	if left := running(t, os.Getenv("XDG_RUNTIME_DIR")); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
	if p := start(t, cache, "cache", "verify"); p.end(t) != 0 {
		t.Error(p.log.String())
	}
	if p := start(t, cache, args...); p.end(t) != 0 || strings.Contains(p.out.String(), "will build") || recorded(cache) != 10 {
		t.Errorf("again: %d packages\n%s\n%s", recorded(cache), p.out.String(), p.log.String())
	}
}

// recorded counts the packages that a cache has besides the base.
func recorded(cache string) int {
	data, err := os.ReadFile(filepath.Join(cache, "index.json"))
	if err != nil {
		return 0 // nothing yet
	}
	n := 0
	for i := range 10 {
		if strings.Contains(string(data), fmt.Sprintf("/linuxkit/app%d:", i)) {
			n++
		}
	}
	return n
}
