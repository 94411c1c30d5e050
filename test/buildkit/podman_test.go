//go:build linux

package buildkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// startPodman has podman keep all that it needs below a directory.
func startPodman(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("podman needs root for a daemon in a container")
	}
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed")
	}
	dir := shortDir(t)
	t.Cleanup(func() { unmountBelow(t, dir) })
	for name, text := range map[string]string{
		"containers": "[containers]\nnetns = \"host\"\n[engine]\nruntime = \"bounded\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n" +
			fmt.Sprintf("tmp_dir = %q\n[engine.runtimes]\nbounded = [%q]\n", dir+"/tmp", boundedRuntime(t)),
		"storage": fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", dir+"/graph", dir+"/run"),
	} {
		file := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(map[string]string{"containers": "CONTAINERS_CONF", "storage": "CONTAINERS_STORAGE_CONF"}[name], file)
	}
}

func TestPodman(t *testing.T) {
	tools := needTools(t)
	startPodman(t)
	podman := func(args ...string) *exec.Cmd {
		cmd := exec.Command("podman", args...)
		cmd.Stdin = builderArchive(t, tools)
		return cmd
	}
	if out, err := podman(builderImport...).CombinedOutput(); err != nil {
		t.Fatalf("podman import: %v\n%s", err, out)
	}
	if out, err := podman("run", "--detach", "--privileged", "--name", "standing", builderImage, "--addr", "unix:///run/buildkit/buildkitd.sock").CombinedOutput(); err != nil {
		t.Fatalf("podman run: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := podman("rm", "--force", "--time", "5", "standing").CombinedOutput(); err != nil {
			t.Errorf("podman rm: %v\n%s", err, out)
		}
	})
	if !eventually(func() bool { return podman("exec", "standing", "buildctl", "debug", "workers").Run() == nil }) {
		out, err := podman("logs", "standing").CombinedOutput()
		t.Fatalf("%s, %v", out, err)
	}
	checkAddress(t, "podman-container://standing", "podman-container://nosuch")
}
