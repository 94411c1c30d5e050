package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is the user without rights.
const nobody = 65534

// TestUnprivileged builds as a user without rights, with nothing but git on the
// PATH: no Docker, no loop devices, no programs that make file systems.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, err := os.MkdirTemp("", "linuxkit-unprivileged-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	tool := filepath.Join(dir, "linuxkit")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "cache"), os.DirFS(filepath.Join(conformanceDir, "images"))); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "x.yml"), `{kernel: {image: "conf/kernel:v1"}, init: ["conf/init:v1"], services: [{name: app, image: "conf/app:v1"}]}`)
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
	giveAway(t, dir)
	cmd := exec.Command(tool, "build", "--format", "kernel+initrd,tar-kernel-initrd,kernel+squashfs,kernel+erofs,kernel+iso", "x.yml")
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + filepath.Join(dir, "bin"), "LINUXKIT_CACHE=" + filepath.Join(dir, "cache"), "LINUXKIT_POLICY="}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build as nobody: %v\n%s", err, out)
	}
	for _, name := range []string{"x-kernel", "x-initrd.img", "x-initrd.tar", "x-squashfs.img", "x-erofs.img", "x.iso"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is not made: %v", name, err)
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
