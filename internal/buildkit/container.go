package buildkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// Defaults of a [Container].
const (
	DefaultContainerName  = "linuxkit-builder"
	DefaultContainerImage = "moby/buildkit:v0.26.3"
)

// Container is the builder container, which is made in a docker context unless
// it is there as it should be.
type Container struct {
	// Name of the container; its state is in the volume "<Name>-state".
	Name  string
	Image string
	// ConfigPath is a TOML file for buildkitd on this host, empty for none.
	ConfigPath string
	// Restart makes the container anew even if it is right.
	Restart bool
}

func (c *Container) setDefaults() {
	if c.Name == "" {
		c.Name = DefaultContainerName
	}
	if c.Image == "" {
		c.Image = DefaultContainerImage
	}
}

func (c Container) volume() string { return c.Name + "-state" }

func (c Container) address(dockerContext string) string {
	return "docker-container://" + c.Name + "?context=" + url.QueryEscape(dockerContext)
}

const (
	// attempts to make the container, while others may be making it too.
	attempts   = 3
	retryPause = time.Second
	readyTime  = 30 * time.Second
	readyPoll  = 200 * time.Millisecond
	// labelConfig is the label that holds the hash of configuration and
	// certificates.
	labelConfig = "org.mobyproject.linuxkit.builder.config"
	socket      = "unix:///run/buildkit/buildkitd.sock"
)

// ensure makes sure that the container runs in a context and is ready.
func (c Container) ensure(ctx context.Context, dockerContext string, named bool) error {
	d := docker{dockerContext}
	if named && !d.exists(ctx) {
		return fmt.Errorf("provided docker context '%s' not found", dockerContext)
	}
	files, err := loadConfig(c.ConfigPath, configDir)
	if err != nil {
		return err
	}
	var last error
	for try := range attempts {
		if try > 0 {
			if err := sleep(ctx, retryPause); err != nil {
				return err
			}
		}
		var final bool
		if final, last = c.converge(ctx, d, files); last == nil {
			return nil
		} else if final || ctx.Err() != nil {
			return last
		}
		c.Restart = false
	}
	return fmt.Errorf("unable to create or find builder container %s in context %s after %d retries: %w", c.Name, dockerContext, attempts, last)
}

// state is what docker tells of a container.
type state struct {
	Config struct {
		Image  string
		Labels map[string]string
	}
	HostConfig struct{ Privileged bool }
	State      struct{ Running bool }
}

// converge looks at the container and does what is needed. The failure is
// final if another attempt makes no sense.
func (c Container) converge(ctx context.Context, d docker, files configFiles) (final bool, err error) {
	have, err := c.inspect(ctx, d)
	if err != nil {
		return true, err
	}
	if have != nil {
		why, newState := c.differs(have, files)
		switch {
		case why != "":
			progress.Infof(ctx, "%s", why)
			if err := c.remove(ctx, d, have, newState); err != nil {
				return false, err
			}
		case have.State.Running:
			progress.Infof(ctx, "using existing container %s", c.Name)
			return false, nil
		default:
			progress.Infof(ctx, "starting existing container %s", c.Name)
			return c.start(ctx, d, "existing")
		}
	}
	if err := c.create(ctx, d, files); err != nil {
		return false, err
	}
	return c.start(ctx, d, "newly created")
}

// inspect returns nil if there is no such container.
func (c Container) inspect(ctx context.Context, d docker) (*state, error) {
	out, err := d.run(ctx, nil, "container", "inspect", c.Name)
	if err != nil {
		text := strings.ToLower(err.Error())
		if strings.Contains(text, "no such container") || strings.Contains(text, "no container with") || strings.Contains(text, "not found") {
			return nil, nil
		}
		return nil, err
	}
	var list []state
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		return nil, fmt.Errorf("docker container inspect %s: unexpected answer (%w)", c.Name, errors.Join(err, errors.New("not one container")))
	}
	return &list[0], nil
}

// differs says why the container has to be replaced, and whether its state
// cannot be kept.
func (c Container) differs(have *state, files configFiles) (why string, newState bool) {
	otherImage := have.Config.Image != c.Image
	switch {
	case c.Restart:
		return "told to force restart, replacing existing container " + c.Name, otherImage
	case otherImage:
		return fmt.Sprintf("existing container %s is running image %s instead of target %s, replacing", c.Name, have.Config.Image, c.Image), true
	case !have.HostConfig.Privileged:
		return fmt.Sprintf("existing container %s is unprivileged, replacing", c.Name), false
	case have.Config.Labels[labelConfig] != files.hash():
		return "existing container has wrong configPath contents, restarting", false
	}
	return "", false
}

func (c Container) remove(ctx context.Context, d docker, have *state, withState bool) error {
	if have.State.Running {
		if _, err := d.run(ctx, nil, "container", "stop", c.Name); err != nil {
			return fmt.Errorf("failed to stop existing container %s: %w", c.Name, err)
		}
	}
	if _, err := d.run(ctx, nil, "container", "rm", c.Name); err != nil {
		return fmt.Errorf("failed to remove existing container %s: %w", c.Name, err)
	}
	if !withState {
		return nil
	}
	progress.Infof(ctx, "removing builder state volume %s", c.volume())
	if _, err := d.run(ctx, nil, "volume", "rm", c.volume()); err != nil {
		progress.Warnf(ctx, "cannot remove volume %s: %v", c.volume(), err)
	}
	return nil
}

// create makes the container with its configuration, not started.
func (c Container) create(ctx context.Context, d docker, files configFiles) error {
	progress.Infof(ctx, "creating builder container '%s' in context '%s'", c.Name, d.context)
	if _, err := d.run(ctx, nil, c.createCommand(files)...); err != nil {
		return fmt.Errorf("failed to create container %s: %w", c.Name, err)
	}
	if len(files) == 0 {
		return nil
	}
	archive, err := files.tar()
	if err == nil {
		_, err = d.run(ctx, bytes.NewReader(archive), "cp", "-", c.Name+":/etc")
	}
	if err != nil {
		_, rmErr := d.run(ctx, nil, "container", "rm", c.Name)
		return errors.Join(fmt.Errorf("failed to copy the configuration into container %s: %w", c.Name, err), rmErr)
	}
	return nil
}

func (c Container) createCommand(files configFiles) []string {
	args := []string{
		"container", "create", "--name", c.Name, "--privileged", "-v", c.volume() + ":/var/lib/buildkit",
		"--label", labelConfig + "=" + files.hash(), c.Image,
		"--allow-insecure-entitlement", "network.host", "--addr", socket, "--debug",
	}
	if len(files) > 0 {
		args = slices.Concat(args, []string{"--config", configDir + "/" + configName})
	}
	return args
}

func (c Container) start(ctx context.Context, d docker, which string) (final bool, err error) {
	if _, err := d.run(ctx, nil, "container", "start", c.Name); err != nil {
		return which != "existing", fmt.Errorf("failed to start %s container %s: %w", which, c.Name, err)
	}
	progress.Infof(ctx, "waiting for buildkit builder to be ready, up to %d seconds", int(readyTime.Seconds()))
	limit := time.Now().Add(readyTime)
	for {
		_, err := d.run(ctx, nil, "exec", c.Name, "buildctl", "debug", "workers")
		if err == nil {
			progress.Infof(ctx, "buildkit builder ready!")
			return false, nil
		}
		if time.Now().After(limit) {
			return true, fmt.Errorf("could not communicate with buildkit builder at context/container %s/%s after %d seconds: %w", d.context, c.Name, int(readyTime.Seconds()), err)
		}
		if err := sleep(ctx, readyPoll); err != nil {
			return true, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
