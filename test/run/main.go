// Command run runs the tests of all modules and closes with one line of
// counts. Where CI is set, a skipped test fails the run: all that the tests
// need is installed there, but for what no installation brings.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// excused are reasons to skip a test that depend on the release or the kernel
// of the host, so that CI cannot mend them.
var excused = []string{
	"processes cannot be traced here",
	"programs of other architectures cannot be registered here",
	"no network namespaces can be made here",
}

func main() {
	modules := os.Args[1:]
	if len(modules) == 0 {
		modules = []string{"."}
	}
	if err := ownCache(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var all counts
	for _, m := range modules {
		if err := all.module(m); err != nil {
			fmt.Fprintf(os.Stderr, "test %s: %v\n", m, err)
			all.failed++
		}
	}
	for _, s := range all.skipped {
		fmt.Println("skipped:", s)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", all.passed, all.failed, len(all.skipped))
	if all.failed > 0 || all.passed == 0 || os.Getenv("CI") != "" && slices.ContainsFunc(all.skipped, inexcusable) {
		os.Exit(1)
	}
}

func inexcusable(skipped string) bool {
	return !slices.ContainsFunc(excused, func(reason string) bool { return strings.Contains(skipped, reason) })
}

// ownCache gives the tests an image cache beside the code. That of the user may
// hold images that an older version of the code made.
func ownCache() error {
	const env = "LINUXKIT_CACHE"
	if os.Getenv(env) != "" {
		return nil
	}
	dir, err := filepath.Abs("build/test-cache")
	if err != nil {
		return err
	}
	return os.Setenv(env, dir)
}

// counts are the results of top-level tests and their parts.
type counts struct {
	passed, failed int
	skipped        []string
	output         map[string][]string
}

// event is a line that "go test -json" prints; see "go doc test2json".
type event struct {
	Action, Package, Test, Output string
}

func (c *counts) module(dir string) error {
	cmd := exec.Command("go", "test", "-json", "-timeout", "80m", "./...")
	cmd.Dir = dir
	// Downloads of Debian packages are wanted, and no workspace around modules.
	cmd.Env = append(os.Environ(), "LINUXKIT_TEST_DEBIAN=1", "GOWORK=off")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.output = map[string][]string{}
	if err := c.read(out); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil && c.failed == 0 {
		return err
	}
	return nil
}

func (c *counts) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text())
			continue
		}
		c.add(e)
	}
	return lines.Err()
}

func (c *counts) add(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		c.output[key] = append(c.output[key], e.Output)
	case "pass":
		if e.Test != "" {
			c.passed++
		} else {
			fmt.Println("ok  ", e.Package)
		}
		delete(c.output, key)
	case "fail":
		fmt.Println("FAIL", key)
		fmt.Print(strings.Join(c.output[key], ""))
		if e.Test == "" {
			fmt.Print(strings.Join(c.output[" "], ""))
		}
		c.failed++
	case "skip":
		if e.Test != "" {
			c.skipped = append(c.skipped, key+": "+strings.TrimSpace(strings.Join(c.output[key], " ")))
		}
	}
}
