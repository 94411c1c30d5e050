package pkglib

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// countGit returns how often git runs during fn.
func countGit(t *testing.T, fn func()) int {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := fmt.Sprintf("#!/bin/sh\necho run >>%q\nexec %q \"$@\"\n", log, git)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	fn()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}

// How often git runs does not depend on the number of packages, nor on that of
// the build arguments that name packages.
func TestGitRuns(t *testing.T) {
	t.Run("side by side", func(t *testing.T) { gitRuns(t, "many/", "../..", 0) })
	// The first few packages at the root do not make git look at everything.
	t.Run("at the root", func(t *testing.T) { gitRuns(t, "", "..", 6) })
}

// gitRuns loads packages, whose names start with prefix, in a repository to
// whose root up leads; more is how many more runs of git than for one package
// all of them may take.
func gitRuns(t *testing.T, prefix, up string, more int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the git that counts is a shell script")
	}
	const many = 20
	r := newTestRepo(t)
	var dirs []string
	for i := range many {
		dir := fmt.Sprintf("%sfoo%d", prefix, i)
		r.write(dir+"/build.yml", fmt.Sprintf("image: foo%d\nbuildArgs: [\"FOO=@lkt:pkg:%[2]s/pkg/foo\", \"P_%%=@lkt:pkgs:%[2]s/pkg/*\"]\n", i, up))
		dirs = append(dirs, r.path(dir))
	}
	r.commit()
	load := func(dirs []string) int {
		return countGit(t, func() {
			pkgs, err := NewFromConfig(t.Context(), defaults, dirs...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range pkgs {
				if err := pkgs[i].ProcessBuildArgs(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if one, all := load(dirs[:1]), load(dirs); all > one+more {
		t.Errorf("git ran %d times for one package, %d times for %d", one, all, many)
	}
}
