package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/linuxkit/linuxkit/internal/deb"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// debianRelease is the release that packages are taken from.
const debianRelease = "trixie"

// components are those of the archive that a package must ask for.
var components = []string{"contrib", "non-free", "non-free-firmware"}

// keyrings are where Debian and its derivatives keep the archive's keys.
var keyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/usr/share/keyrings/debian-archive-keyring.pgp",
}

// apt is Debian's resolver in a directory of its own: nothing of the host's
// configuration, sources or installed packages counts.
type apt struct{ dir string }

// newApt fetches and checks the package lists for some architectures, of the
// component main and others.
func newApt(ctx context.Context, arches, others []string) (*apt, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fmt.Errorf("resolve Debian packages: this needs apt, on Debian or a system derived from it: %w", err)
	}
	dir, err := os.MkdirTemp("", "linuxkit-apt-*")
	if err != nil {
		return nil, err
	}
	a := &apt{dir: dir}
	if err := a.setUp(ctx, arches, others); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *apt) Close() error { return os.RemoveAll(a.dir) }

func (a *apt) setUp(ctx context.Context, arches, others []string) error {
	sources, err := aptSources(arches, others)
	if err != nil {
		return err
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"status": "", "sources.list": sources, "apt.conf": a.config()} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	progress.Infof(ctx, "reading the package lists of Debian %s", debianRelease)
	_, err = a.run(ctx, arches[0], "apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")
	return err
}

func (a *apt) config() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s %q;\n", name, value) }
	set("Dir", a.dir)
	set("Dir::State", a.dir)
	set("Dir::State::status", filepath.Join(a.dir, "status"))
	set("Dir::State::lists", filepath.Join(a.dir, "lists"))
	set("Dir::Cache", filepath.Join(a.dir, "cache"))
	set("Dir::Etc", filepath.Join(a.dir, "etc"))
	set("Dir::Etc::sourcelist", filepath.Join(a.dir, "sources.list"))
	set("Dir::Etc::sourceparts", "/dev/null")
	set("Dir::Etc::trusted", "/dev/null")
	set("Dir::Etc::trustedparts", "/dev/null")
	set("Dir::Log", a.dir)
	set("Acquire::Languages", "none")
	set("Acquire::Retries", "3")
	set("APT::Sandbox::User", "root")
	set("APT::Install-Recommends", "false")
	set("APT::Install-Suggests", "false")
	return b.String()
}

func aptSources(arches, others []string) (string, error) {
	main, err := mirror()
	if err != nil {
		return "", err
	}
	security, err := fromEnv(envSecurity)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(keyrings, func(f string) bool { _, err := os.Stat(f); return err == nil })
	if i < 0 {
		return "", errors.New("resolve Debian packages: the keys of the archive are missing; install debian-archive-keyring")
	}
	names := make([]string, len(arches))
	for i, arch := range arches {
		names[i] = debianArch(arch)
	}
	options := fmt.Sprintf("deb [arch=%s signed-by=%s]", strings.Join(names, ","), keyrings[i])
	wanted := strings.Join(append([]string{"main"}, others...), " ")
	text := fmt.Sprintf("%s %s %s %s\n", options, main, debianRelease, wanted)
	if security != "" {
		text += fmt.Sprintf("%s %s %s-security %s\n", options, security, debianRelease, wanted)
	}
	return text, nil
}

// debianArch returns Debian's name of an architecture of Go.
func debianArch(arch string) string {
	switch arch {
	case "386":
		return "i386"
	case "arm":
		return "armhf"
	case "ppc64le":
		return "ppc64el"
	default:
		return arch
	}
}

// run runs a program of apt for one architecture and returns what it prints.
func (a *apt) run(ctx context.Context, arch, program string, args ...string) (string, error) {
	arch = debianArch(arch)
	args = append([]string{"-o", "APT::Architecture=" + arch, "-o", "APT::Architectures=" + arch}, args...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("resolve Debian packages: %s: %w:\n%s", program, err, lastLines(stderr.String(), 10))
	}
	return stdout.String(), nil
}

// resolve answers a request for one architecture.
func (a *apt) resolve(ctx context.Context, r request, arch string) ([]lockedPackage, error) {
	wanted := r.names
	if r.dependencies {
		var err error
		if wanted, err = a.closure(ctx, r.names, arch); err != nil {
			return nil, err
		}
	}
	stanzas, err := a.show(ctx, wanted, arch)
	if err == nil && r.kernel {
		stanzas, err = a.kernelParts(ctx, stanzas, arch)
	}
	if err != nil {
		return nil, err
	}
	packages := make([]lockedPackage, len(stanzas))
	for i, s := range stanzas {
		if packages[i], err = lockedFrom(s); err != nil {
			return nil, err
		}
	}
	return packages, nil
}

// closure lists what installing names on an empty system takes, each as
// name=version. Essential packages are not added for their own sake.
func (a *apt) closure(ctx context.Context, names []string, arch string) ([]string, error) {
	out, err := a.run(ctx, arch, "apt-get", append([]string{"install", "-s", "-qq", "--"}, names...)...)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.SplitSeq(out, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "Inst" {
			continue
		}
		name, _, _ := strings.Cut(fields[1], ":")
		all = append(all, name+"="+strings.TrimPrefix(fields[2], "("))
	}
	return all, nil
}

// show returns the description of the version of each package that apt would
// install; names may say name=version.
func (a *apt) show(ctx context.Context, names []string, arch string) ([]deb.Stanza, error) {
	out, err := a.run(ctx, arch, "apt-cache", append([]string{"show", "--no-all-versions", "--"}, names...)...)
	if err != nil {
		return nil, fmt.Errorf("look for %s in release %s for %s: %w", strings.Join(names, ", "), debianRelease, arch, err)
	}
	stanzas := deb.ParseControl(out)
	for _, name := range names {
		name, _, _ := strings.Cut(name, "=")
		if !slices.ContainsFunc(stanzas, func(s deb.Stanza) bool { return s["Package"] == name }) {
			return nil, fmt.Errorf("resolve Debian packages: release %s has no package %s for %s", debianRelease, name, arch)
		}
	}
	return stanzas, nil
}

// kernelParts replaces metapackages by the packages with the files of a kernel.
func (a *apt) kernelParts(ctx context.Context, stanzas []deb.Stanza, arch string) ([]deb.Stanza, error) {
	var parts []deb.Stanza
	for depth := 0; len(stanzas) > 0 && depth < 4; depth++ {
		var next []string
		for _, s := range stanzas {
			if !strings.HasPrefix(s["Section"], "metapackages") && !isMeta(s) {
				parts = append(parts, s)
			}
			next = append(next, kernelDepends(s["Depends"])...)
		}
		if len(next) == 0 {
			break
		}
		var err error
		if stanzas, err = a.show(ctx, next, arch); err != nil {
			return nil, err
		}
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("resolve Debian packages: no kernel image package is among what was asked for (%s)", arch)
	}
	return parts, nil
}

// isMeta tells a metapackage by its size: it has no kernel.
func isMeta(s deb.Stanza) bool {
	kib, err := strconv.Atoi(s["Installed-Size"])
	return err == nil && kib < 1024
}

// kernelDepends returns what of a Depends field are parts of a kernel.
func kernelDepends(depends string) []string {
	var names []string
	for alternative := range strings.SplitSeq(depends, ",") {
		fields := strings.Fields(alternative)
		if len(fields) == 0 {
			continue
		}
		for _, prefix := range []string{"linux-image-", "linux-modules-", "linux-binary-"} {
			if strings.HasPrefix(fields[0], prefix) {
				names = append(names, fields[0])
			}
		}
	}
	return names
}

func lockedFrom(s deb.Stanza) (lockedPackage, error) {
	size, err := strconv.ParseInt(s["Size"], 10, 64)
	p := lockedPackage{Name: s["Package"], Version: s["Version"], Size: size, SHA256: s["SHA256"], Path: s["Filename"]}
	if err == nil {
		err = p.validate()
	}
	if err != nil {
		return p, fmt.Errorf("resolve Debian packages: the list has a bad entry: %w", err)
	}
	return p, nil
}
