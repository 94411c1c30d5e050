package builder

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/deb"
)

// Environment variables that say where Debian packages come from: roots of
// archives, which hold the directories dists and pool.
const (
	// envMirror is the main archive. Without it the mirror is that of the host.
	envMirror = "LINUXKIT_DEBIAN_MIRROR"
	// envSecurity is the archive of security updates. It is used only if set.
	envSecurity = "LINUXKIT_DEBIAN_SECURITY_MIRROR"
	// envSnapshot is an archive that is asked for versions which the others no
	// longer have. It needs only pool.
	envSnapshot = "LINUXKIT_DEBIAN_SNAPSHOT"
)

// securityPool is where paths of the archive of security updates begin.
const securityPool = "pool/updates/"

// mirror returns the root of the main archive.
func mirror() (string, error) {
	if m, err := fromEnv(envMirror); m != "" || err != nil {
		return m, err
	}
	if m := hostMirror("/etc/apt"); m != "" {
		return m, nil
	}
	return "", fmt.Errorf("%w: set %s to the URL of one, or build on Debian", ErrNoMirror, envMirror)
}

func fromEnv(name string) (string, error) {
	value := strings.TrimRight(os.Getenv(name), "/")
	if value == "" {
		return "", nil
	}
	if !isArchive(value) {
		return "", fmt.Errorf("read %s: %q is not an http or https URL", name, value)
	}
	return value, nil
}

func isArchive(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.ContainsAny(text, " \t\n")
}

// hostMirror finds the Debian mirror among the package sources of the host
// (sources.list(5)): the first whose path ends in /debian and that serves a
// Debian suite.
func hostMirror(etc string) string {
	lists, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", "*.list"))
	for _, file := range append([]string{filepath.Join(etc, "sources.list")}, lists...) {
		if m := firstMirror(oneLineSources(file)); m != "" {
			return m
		}
	}
	files, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", "*.sources"))
	for _, file := range files {
		if m := firstMirror(deb822Sources(file)); m != "" {
			return m
		}
	}
	return ""
}

// source is a place that apt takes packages from.
type source struct {
	uri    string
	suites []string
}

func firstMirror(sources []source) string {
	for _, s := range sources {
		uri := strings.TrimRight(s.uri, "/")
		if isArchive(uri) && path.Base(uri) == "debian" && slices.ContainsFunc(s.suites, isDebianSuite) {
			return uri
		}
	}
	return ""
}

func isDebianSuite(suite string) bool {
	name, _, _ := strings.Cut(suite, "-")
	return slices.Contains([]string{"bullseye", "bookworm", "trixie", "forky", "duke", "sid", "oldstable", "stable", "testing", "unstable"}, name)
}

// oneLineSources reads lines as "deb [option=value] uri suite component".
func oneLineSources(file string) []source {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var all []source
	for s := bufio.NewScanner(f); s.Scan(); {
		line, ok := strings.CutPrefix(strings.TrimSpace(s.Text()), "deb ")
		if !ok {
			continue
		}
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[") {
			_, line, _ = strings.Cut(line, "]")
		}
		if fields := strings.Fields(line); len(fields) >= 2 {
			all = append(all, source{fields[0], fields[1:2]})
		}
	}
	return all
}

func deb822Sources(file string) []source {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var all []source
	for _, stanza := range deb.ParseControl(string(data)) {
		if strings.EqualFold(stanza["Enabled"], "no") || !slices.Contains(strings.Fields(stanza["Types"]), "deb") {
			continue
		}
		for _, uri := range strings.Fields(stanza["URIs"]) {
			all = append(all, source{uri, strings.Fields(stanza["Suites"])})
		}
	}
	return all
}
