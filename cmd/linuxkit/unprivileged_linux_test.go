package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/output"
)

// nobody is the user without rights.
const nobody = 65534

// TestUnprivileged builds every format as a user without rights, with nothing
// but git on the PATH: no Docker, no loop devices, no programs that make file
// systems.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir := unprivilegedDir(t)
	cache, config := bootableWorld(t)
	if err := os.CopyFS(filepath.Join(dir, "cache"), os.DirFS(cache)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(config, filepath.Join(dir, "x.yml")); err != nil {
		t.Fatal(err)
	}
	giveAway(t, dir)
	for _, arch := range worldArches[bootloader.Firmware] {
		for _, group := range formatGroups(arch) {
			out := filepath.Join(dir, arch+group[0])
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			giveAway(t, out)
			buildAsNobody(t, dir, "--arch", arch, "--size", "64M", "--format", strings.Join(group, ","), "--dir", out)
			checkMade(t, out, group)
		}
	}
}

// unprivilegedDir is a directory that others can enter, with the tool and a
// directory of programs.
func unprivilegedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "linuxkit-unprivileged-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "linuxkit"), ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	if err := os.Symlink(git, filepath.Join(dir, "bin", "git")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func buildAsNobody(t *testing.T, dir string, flags ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "linuxkit"), append(append([]string{"build"}, flags...), "x.yml")...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + filepath.Join(dir, "bin"), "LINUXKIT_CACHE=" + filepath.Join(dir, "cache"), "LINUXKIT_POLICY="}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %q as nobody: %v\n%s", flags, err, out)
	}
}

// checkMade wants the files of formats, but for the initrd of a root on a
// device, which this kernel does not need.
func checkMade(t *testing.T, dir string, formats []string) {
	t.Helper()
	for _, name := range formats {
		f, err := output.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range f.Files(filepath.Join(dir, "x")) {
			info, err := os.Stat(file)
			if err != nil && strings.HasPrefix(name, "kernel+") && name != "kernel+initrd" && strings.HasSuffix(file, "-initrd.img") {
				continue
			}
			if err != nil || info.Size() == 0 || info.Sys().(*syscall.Stat_t).Uid != nobody {
				t.Errorf("%s: %s is not made: %v", name, file, err)
			}
		}
	}
}

// giveAway makes everything below dir belong to nobody.
func giveAway(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
}
