package main

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	fake "github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/linuxkit/linuxkit/internal/gittest"
)

// TestMain lets the scripts run the command without a binary of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"linuxkit": linuxkitMain})
}

func linuxkitMain() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if name := os.Getenv(peakFile); name != "" {
		notePeak(name)
	}
	os.Exit(code)
}

// peakFile names a file that the command leaves behind: what the system knows
// about the process. Its resource usage would begin with that of its parent.
const peakFile = "LINUXKIT_TEST_PEAK"

func notePeak(name string) {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(name, status, 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// TestScripts runs testdata/script/*.txtar. Each script has a home, a cache
// and a git identity of its own, and dates that make commits reproducible.
// IMAGES is a directory that works as a cache, with some small images.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"registry": startRegistry},
		Setup: func(env *testscript.Env) error {
			for name, value := range scriptEnv(env.WorkDir) {
				env.Setenv(name, value)
			}
			images, err := filepath.Abs(filepath.Join(conformanceDir, "images"))
			env.Setenv("IMAGES", images)
			return err
		},
	})
}

func scriptEnv(work string) map[string]string {
	env := map[string]string{
		"HOME":            work,
		"USER":            "me",
		"LINUXKIT_CACHE":  work + "/.cache",
		"LINUXKIT_POLICY": "",
		"LINUXKIT_MIRROR": "",
	}
	for _, variable := range gittest.Environment {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	if images, err := filepath.Abs(conformanceDir + "/images"); err == nil {
		env["RECORDED"] = images
	}
	// What the go command keeps may be shared: it decides no result.
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS"} {
		env[name] = goEnv(name)
	}
	return env
}

// startRegistry is the command "registry" of scripts: it runs an image registry
// until the script ends and sets REGISTRY to its address.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: registry")
	}
	s := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(s.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(s.URL, "http://"))
}

func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return os.Getenv(name)
	}
	return strings.TrimSpace(string(out))
}
