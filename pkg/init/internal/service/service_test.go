package service

import (
	"io"
	"os"
	"strings"
	"testing"
)

func TestRole(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/init.d/005-volumes":        "volumes",
		"/etc/init.d/010-onboot":         "onboot",
		"/etc/shutdown.d/010-onshutdown": "onshutdown",
		"/etc/init.d/020-containerd":     "containerd",
		"/etc/shutdown.d/020-containerd": "shutdown.d",
		"/usr/bin/service":               "",
		"/volumes/onboot":                "volumes",
		"/onboot.d/020-containerd":       "onboot",
	} {
		if got := role(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// run returns the status and all output.
func run(t *testing.T, args string) (int, string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	status := Main(strings.Fields(args), w, w)
	_ = w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return status, string(out)
}

func TestUsage(t *testing.T) {
	for args, c := range map[string]struct {
		status int
		says   string
	}{
		"service":                              {1, "Commands:"},
		"service help":                         {0, "Commands:"},
		"service frob":                         {1, `no command "frob"`},
		"service -q -v start x":                {1, "exclude"},
		"service -x":                           {1, "not defined"},
		"service start":                        {1, "takes one service"},
		"service start a b":                    {1, "-dump-spec"},
		"service stop":                         {1, "takes one service"},
		"service restart -sock":                {1, "needs an argument"},
		"service system-init x":                {1, "-containerd"},
		"service start -sock /none/sock x":     {1, "connect /none/sock"},
		"service restart -sock /none/sock x":   {1, "connect /none/sock"},
		"service -v stop -sock /none/sock x":   {1, "connect /none/sock"},
		"service system-init -containerd -x y": {1, "Usage of system-init"},
	} {
		status, out := run(t, args)
		if status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("%s: status %d, %s", args, status, out)
		}
	}
}
