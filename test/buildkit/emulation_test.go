//go:build linux

package buildkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// binfmt is where Linux keeps which program runs which format.
const binfmt = "/proc/sys/fs/binfmt_misc"

// needEmulator makes the host run programs of an architecture, as QEMU calls
// it, until the test ends.
func needEmulator(t *testing.T, arch string) {
	t.Helper()
	name := "qemu-" + arch
	enabled := func() bool {
		data, err := os.ReadFile(filepath.Join(binfmt, name))
		return err == nil && strings.HasPrefix(string(data), "enabled")
	}
	if enabled() {
		return
	}
	if _, err := exec.LookPath(name + "-static"); err != nil {
		t.Skip("qemu-user-static is not installed")
	}
	if _, err := exec.LookPath("update-binfmts"); err != nil {
		t.Skip("binfmt-support is not installed")
	}
	// It also mounts what it needs.
	out, err := exec.Command("update-binfmts", "--enable", name).CombinedOutput()
	if err != nil || !enabled() {
		t.Skipf("programs of other architectures cannot be registered here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("update-binfmts", "--disable", name).CombinedOutput(); err != nil {
			t.Errorf("unregister %s: %v: %s", name, err, out)
		}
	})
}

// Steps run also for architectures that the host has no processor of.
func TestForeign(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	emulators := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}
	delete(emulators, runtime.GOARCH)
	for arch, emulator := range emulators {
		t.Run(arch, func(t *testing.T) {
			needEmulator(t, emulator)
			platform := "linux/" + arch
			base, app := packages(t)
			s := newCacheFor(t, base, platform)
			if _, err := buildFor(t.Context(), platform, s, app); err != nil {
				t.Fatal(err)
			}
			checkAppFor(t, s, app, platform)
			if got := imageOf(t, s, app, platform).Config.Architecture; got != arch {
				t.Errorf("the image is for %s", got)
			}
		})
	}
}

// A step that nothing can run says what is missing, one that only builds for
// another architecture is no trouble.
func TestNoEmulator(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	files := map[string]string{
		"run/build.yml":   "image: run\n",
		"run/Dockerfile":  "FROM scratch\nCOPY --chmod=755 program /program\nRUN [\"/program\"]\n",
		"run/program":     "\x7fELF\x02\x01\x01 of a processor that nobody has",
		"copy/build.yml":  "image: copy\n",
		"copy/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n",
	}
	dir := writeRepository(t, files)
	s := newCacheFor(t, loadPackage(t, writeRepository(t, packageFiles), "base"), host)
	_, err := buildFor(t.Context(), "linux/nobody", s, loadPackage(t, dir, "run"))
	for _, want := range []string{"unable to emulate linux/nobody", "qemu-user-static"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error without %q: %v", want, err)
		}
	}
	if _, err := buildFor(t.Context(), "linux/nobody", s, loadPackage(t, dir, "copy")); err != nil {
		t.Error(err)
	}
}
