package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/linuxkit/linuxkit/internal/progress"
)

func (g *Go) validate() error {
	if _, err := imagePath(g.Path); err != nil {
		return fmt.Errorf("go: path: %w", err)
	}
	for _, l := range g.Links {
		if _, err := imagePath(l); err != nil {
			return fmt.Errorf("go: links: %w", err)
		}
	}
	if strings.HasPrefix(g.Package, "-") {
		return fmt.Errorf("go: package %q is not a package", g.Package)
	}
	return nil
}

// imagePath returns an absolute path of the image as a relative one.
func imagePath(p string) (string, error) {
	if !path.IsAbs(p) || path.Clean(p) == "/" {
		return "", fmt.Errorf("%q is not an absolute path of a file", p)
	}
	return path.Clean(p)[1:], nil
}

// goLayer compiles a program. The build cache of the go command makes this
// cheap when nothing changed.
func (j *job) goLayer(ctx context.Context, g *Go) (*stored, error) {
	dir, err := os.MkdirTemp("", "linuxkit-go-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "binary")
	if err := j.compile(ctx, g, binary); err != nil {
		return nil, err
	}
	if err := checkStatic(binary, j.platform.Architecture); err != nil {
		return nil, fmt.Errorf("check the binary of %s: %w", g.importPath(), err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("find the modules of %s: %w", g.importPath(), err)
	}
	j.parts.AddGo(info)
	t := newTree()
	defer t.Close()
	if err := g.place(t, binary, j.below.links); err != nil {
		return nil, err
	}
	return j.write(ctx, t)
}

func (g *Go) importPath() string {
	if g.Package == "" {
		return "."
	}
	return g.Package
}

// place adds the binary and its further names.
func (g *Go) place(t *tree, binary string, links map[string]string) error {
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	name, err := imagePath(g.Path)
	if err != nil {
		return err
	}
	t.add(follow(name, links), &node{typeflag: tar.TypeReg, mode: 0o755, size: info.Size(), open: func() (io.ReadCloser, error) {
		return os.Open(binary)
	}})
	for _, l := range g.Links {
		link, err := imagePath(l)
		if err != nil {
			return err
		}
		t.add(follow(link, links), symlink("/"+name))
	}
	return nil
}

func (j *job) compile(ctx context.Context, g *Go, output string) error {
	command, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("compile %s: no go command on the PATH; install Go to build this package: %w", g.importPath(), err)
	}
	env, err := goEnv(j.platform.Architecture, j.platform.Variant, g.Cgo)
	if err != nil {
		return fmt.Errorf("compile %s: %w", g.importPath(), err)
	}
	progress.Debugf(ctx, "compile %s for %s", g.importPath(), j.platform.Architecture)
	cmd := exec.CommandContext(ctx, command, g.arguments(output)...)
	cmd.Dir, cmd.Env = j.recipe.Dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile %s for %s: %w:\n%s", g.importPath(), j.platform.Architecture, err, lastLines(stderr.String(), 20))
	}
	return nil
}

func (g *Go) arguments(output string) []string {
	ldflags, tags := "-s -w -buildid=", g.Tags
	if g.Cgo {
		ldflags += " -linkmode=external -extldflags=-static"
		tags = append([]string{"netgo", "osusergo"}, tags...)
	}
	if g.Ldflags != "" {
		ldflags += " " + g.Ldflags
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", output}
	if len(tags) > 0 {
		args = append(args, "-tags", strings.Join(tags, ","))
	}
	return append(args, "--", g.importPath())
}

// goEnv returns the environment of the go command: the caller's without what
// would change the binary.
func goEnv(arch, variant string, cgo bool) ([]string, error) {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !changesBinary(name) {
			env = append(env, kv)
		}
	}
	env = append(env, "GOOS=linux", "GOARCH="+arch, "GOWORK=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
	if arch == "arm" {
		env = append(env, "GOARM="+strings.TrimPrefix(variant, "v"))
	}
	if !cgo {
		return env, nil
	}
	cc, err := compiler(arch)
	return append(env, "CGO_ENABLED=1", "CC="+cc), err
}

func changesBinary(name string) bool {
	switch name {
	case "GOFLAGS", "GOOS", "GOARCH", "GOWORK", "GO111MODULE", "GOEXPERIMENT", "GOFIPS140", "CC", "CXX", "PKG_CONFIG":
		return true
	case "GOAMD64", "GOARM64", "GORISCV64", "GOARM", "GO386", "GOPPC64":
		return true
	}
	return strings.HasPrefix(name, "CGO_")
}

// crossTools are the GNU names of the architectures that Debian has cross
// compilers for.
var crossTools = map[string]string{
	"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu",
	"arm": "arm-linux-gnueabihf", "ppc64le": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu",
}

func compiler(arch string) (string, error) {
	if arch == runtime.GOARCH && runtime.GOOS == "linux" {
		if cc, err := exec.LookPath("gcc"); err == nil {
			return cc, nil
		}
	}
	gnu := crossTools[arch]
	if gnu == "" {
		return "", fmt.Errorf("no C compiler for architecture %s is known", arch)
	}
	cc, err := exec.LookPath(gnu + "-gcc")
	if err != nil {
		return "", fmt.Errorf("no C compiler for %s: install gcc-%s and libc6-dev-%s-cross: %w",
			arch, strings.ReplaceAll(gnu, "_", "-"), debianArch(arch), err)
	}
	return cc, nil
}

var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV, "386": elf.EM_386,
	"arm": elf.EM_ARM, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390,
}

// checkStatic makes sure that a binary is for arch and needs no loader.
func checkStatic(file, arch string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if want, ok := machines[arch]; ok && f.Machine != want {
		return fmt.Errorf("it is for %v instead of %v", f.Machine, want)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it needs a dynamic loader; link it statically")
		}
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
