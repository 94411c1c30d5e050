package buildkit

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/util/progress/progressui"
)

// attachables are what the daemon may ask for during a build.
func (r Request) attachables() ([]session.Attachable, error) {
	list := []session.Attachable{authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{AuthConfigProvider: r.credentials()})}
	if len(r.SSH) == 0 {
		return list, nil
	}
	var agents []sshprovider.AgentConfig
	for _, text := range r.SSH {
		id, paths, _ := strings.Cut(text, "=")
		agent := sshprovider.AgentConfig{ID: id}
		if paths != "" {
			agent.Paths = strings.Split(paths, ",")
		}
		agents = append(agents, agent)
	}
	ssh, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return nil, fmt.Errorf("forward SSH agent: %w", err)
	}
	return append(list, ssh), nil
}

// credentials finds those for a registry.
func (r Request) credentials() authprovider.AuthConfigProvider {
	if len(r.Auths) == 0 {
		return authprovider.LoadAuthConfig(config.LoadDefaultConfigFile(io.Discard))
	}
	return func(_ context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
		if host == authprovider.DockerHubRegistryHost {
			host = authprovider.DockerHubConfigfileKey
		}
		a := r.Auths[host]
		return types.AuthConfig{Username: a.Username, Password: a.Password, RegistryToken: a.RegistryToken}, nil
	}
}

// Progress shows what a daemon reports.
type Progress struct {
	// Writer receives it. If it is a terminal, mode "auto" draws on it.
	Writer io.Writer
	// Mode is "auto", "plain", "tty", "quiet" or "rawjson"; empty means auto.
	Mode string
}

// Check tells whether the mode is known.
func (p *Progress) Check() error {
	if p == nil {
		return nil
	}
	if _, err := progressui.NewDisplay(io.Discard, p.mode()); err != nil && p.Mode != "tty" {
		return fmt.Errorf("unable to create progress printer: %w", err)
	}
	return nil
}

func (p *Progress) mode() progressui.DisplayMode {
	if p.Mode == "" {
		return progressui.AutoMode
	}
	return progressui.DisplayMode(p.Mode)
}

// visible tells whether the user sees what the steps print.
func (p *Progress) visible() bool { return p != nil && p.mode() != progressui.QuietMode }

// show consumes all that comes. It does not end with the context of the build:
// the last lines say why that failed.
func (p *Progress) show(status chan *client.SolveStatus) error {
	if p == nil {
		for range status {
		}
		return nil
	}
	display, err := progressui.NewDisplay(p.Writer, p.mode())
	if err != nil {
		go func() {
			for range status {
			}
		}()
		return fmt.Errorf("unable to create progress printer: %w", err)
	}
	_, err = display.UpdateFrom(context.Background(), status)
	return err
}
