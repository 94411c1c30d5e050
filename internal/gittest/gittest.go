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

// Init returns the directory of a new repository, made with further arguments
// of git init. Until the test ends, all commits are of one author and time.
// Without git the test is skipped.
func Init(t testing.TB, args ...string) (dir string) {
	t.Helper()
	need(t)
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "A")
		t.Setenv("GIT_"+who+"_EMAIL", "a@example.org")
		t.Setenv("GIT_"+who+"_DATE", "2026-01-02T03:04:05Z")
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
	Run(t, dir, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "x")
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
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
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
