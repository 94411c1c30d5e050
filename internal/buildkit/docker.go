package buildkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// defaultContext is the name of docker's own context.
const defaultContext = "default"

// ErrNoDocker means that the docker command is not installed.
var ErrNoDocker = errors.New("linuxkit pkg requires docker to be installed")

// docker runs the docker command in a context.
type docker struct {
	context string
}

// run returns what a command prints. Its messages become part of the error.
func (d docker) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	program, err := exec.LookPath("docker")
	if err != nil {
		return "", ErrNoDocker
	}
	if d.context != "" {
		args = append([]string{"--context", d.context}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// usable tells whether the engine of the context answers.
func (d docker) usable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	_, err := d.run(ctx, nil, "version", "--format", "{{.Server.Version}}")
	return err
}

// exists tells whether there is a context of that name.
func (d docker) exists(ctx context.Context) bool {
	_, err := docker{}.run(ctx, nil, "context", "inspect", d.context)
	return err == nil
}
