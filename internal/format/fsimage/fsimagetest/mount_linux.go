package fsimagetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Mount has the kernel mount an image until the test ends, or skips the test
// if it cannot.
func Mount(t *testing.T, fsType, image string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	if !hasType(fsType) {
		t.Skipf("this kernel has no %s", fsType)
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("no loop devices: %v", err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", fsType, "-o", "loop,ro", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	return dir
}

func hasType(fsType string) bool {
	for range 2 {
		list, err := os.ReadFile("/proc/filesystems")
		if err == nil && strings.Contains(string(list), "\t"+fsType+"\n") {
			return true
		}
		// What it says is of no interest if the type is there after it.
		_ = exec.Command("modprobe", fsType).Run()
	}
	return false
}
