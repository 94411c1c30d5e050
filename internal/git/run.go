package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// run executes git in dir and returns its standard output, also beside an
// error. The error ends in git's own message.
func run(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "--literal-pathspecs"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), failure(dir, args[0], stderr.String(), err)
	}
	return stdout.String(), nil
}

func failure(dir, command, stderr string, err error) error {
	if text := strings.TrimSpace(stderr); text != "" {
		return fmt.Errorf("git %s in %s: %s: %w", command, dir, text, err)
	}
	return fmt.Errorf("git %s in %s: %w", command, dir, err)
}

// records splits output whose records end in NUL.
func records(out string) []string {
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}
