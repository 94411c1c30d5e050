// Package gittest makes git repositories for tests, with the git of the host
// but without its configuration.
package gittest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Environment keeps git from the configuration of the host, and makes all
// commits those of one author and time: variables, as NAME=value.
var Environment = []string{
	"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
	"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
	"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
}

// Init returns the directory of a new repository, made with further arguments
// of git init. Until the test ends git ignores the configuration of the host,
// whoever runs it. Without git the test is skipped.
func Init(t testing.TB, args ...string) (dir string) {
	t.Helper()
	need(t)
	for _, variable := range Environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	Run(t, dir, append([]string{"init", "-q"}, args...)...)
	return dir
}

// InitIn makes dir a repository and commits these paths of it, all if there are
// none. Without git the test is skipped.
func InitIn(t testing.TB, dir string, paths ...string) {
	t.Helper()
	need(t)
	if len(paths) == 0 {
		paths = []string{"-A"}
	}
	Run(t, dir, "init", "-q")
	Run(t, dir, append([]string{"add"}, paths...)...)
	Run(t, dir, "commit", "-qm", "x")
}

// Commit commits all that has changed.
func Commit(t testing.TB, dir string) {
	t.Helper()
	Run(t, dir, "add", "-A")
	Run(t, dir, "commit", "-qm", "x")
}

// Run runs git in dir and returns what it says.
func Run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), Environment...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func need(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}
