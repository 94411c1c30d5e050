package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestHosts runs this program as other architectures do: what it builds there
// are the same files.
func TestHosts(t *testing.T) {
	cache, config := bootableWorld(t)
	const formats = "kernel+initrd,kernel+squashfs,kernel+erofs,raw-efi,iso"
	hostBuild := func(program ...string) map[string]string {
		t.Helper()
		dir := t.TempDir()
		args := append(program[1:], "--cache", copyCache(t, cache), "build", "--arch", "amd64", "-f", formats, "--dir", dir, "--name", "x", config)
		if out, err := exec.CommandContext(t.Context(), program[0], args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", program, err, out)
		}
		return hashDir(t, dir)
	}
	want := hostBuild(programFor(t, runtime.GOARCH))
	if len(want) < 7 {
		t.Fatalf("made only %d files", len(want))
	}
	for arch, emulator := range map[string]string{"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static", "riscv64": "qemu-riscv64-static"} {
		if arch == runtime.GOARCH {
			continue
		}
		t.Run(arch, func(t *testing.T) {
			if _, err := exec.LookPath(emulator); err != nil {
				t.Skip("needs " + emulator + " (Debian package qemu-user-static)")
			}
			sameFiles(t, arch, want, hostBuild(emulator, programFor(t, arch)))
		})
	}
}

// programFor builds this program for hosts of an architecture.
func programFor(t *testing.T, arch string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "linuxkit")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", name, ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", arch, err, out)
	}
	return name
}
