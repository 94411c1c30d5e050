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

// Docker does with docker's own images what a build needs.
type Docker struct{}

// Tag gives an image another name.
func (Docker) Tag(ctx context.Context, ref, tag string) error {
	_, err := docker{}.run(ctx, nil, "image", "tag", ref, tag)
	return err
}

// Save writes images into a file.
func (Docker) Save(ctx context.Context, target string, refs ...string) error {
	_, err := docker{}.run(ctx, nil, append([]string{"image", "save", "-o", target}, refs...)...)
	return err
}

// Load reads a docker archive.
func (Docker) Load(ctx context.Context, r io.Reader) error {
	_, err := docker{}.run(ctx, r, "image", "load")
	return err
}

// Pull fetches the image of a platform.
func (Docker) Pull(ctx context.Context, ref, platform string) error {
	_, err := docker{}.run(ctx, nil, "image", "pull", "--platform", platform, ref)
	return err
}
