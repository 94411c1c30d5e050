package buildkit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	// Ways to reach a daemon besides sockets.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/nerdctlcontainer"
	_ "github.com/moby/buildkit/client/connhelper/npipe"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"
)

// schemes of addresses.
var schemes = []string{"unix", "tcp", "ssh", "docker-container", "podman-container", "nerdctl-container", "kube-pod", "npipe"}

// ChildAddress stands for a daemon that is started here.
const ChildAddress = "buildkitd://"

// IsAddress tells an address from the name of a docker context.
func IsAddress(text string) bool { return strings.Contains(text, "://") }

// CheckAddress tells whether the form of an address is right.
func CheckAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("BuildKit address %q: %w", text, err)
	}
	for _, s := range append(schemes, strings.TrimSuffix(ChildAddress, "://")) {
		if u.Scheme == s {
			return nil
		}
	}
	return fmt.Errorf("BuildKit address %q does not start with one of %s://", text, strings.Join(schemes, "://, "))
}

// silence is how long nothing that was sent may be acknowledged, Timeout, before
// the other side counts as lost. Time is no less than what servers put up with.
var silence = keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}

// dial connects to the daemon at an address. Nothing is sent yet.
func dial(ctx context.Context, address string) (*client.Client, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	address, opts, err := credentials(address)
	if err != nil {
		return nil, err
	}
	c, err := client.New(ctx, address, append(opts, client.WithGRPCDialOption(grpc.WithKeepaliveParams(silence)))...)
	if err != nil {
		return nil, fmt.Errorf("connect to BuildKit at %s: %w", address, err)
	}
	return c, nil
}

// credentials takes the parameters for TLS out of a tcp address.
func credentials(address string) (string, []client.ClientOpt, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" || u.RawQuery == "" {
		return address, nil, err
	}
	q := u.Query()
	for key := range q {
		switch key {
		case "cacert", "cert", "key", "servername", "tlsdir":
		default:
			return "", nil, fmt.Errorf("BuildKit address %q: unknown parameter %s; known are tlsdir, cacert, cert, key, servername", address, key)
		}
	}
	u.RawQuery = ""
	opts, err := tlsOptions(q, u.Hostname())
	return u.String(), opts, err
}

func tlsOptions(q url.Values, host string) ([]client.ClientOpt, error) {
	file := func(key, name string) string {
		if v := q.Get(key); v != "" || q.Get("tlsdir") == "" {
			return v
		}
		return filepath.Join(q.Get("tlsdir"), name)
	}
	name := q.Get("servername")
	if name == "" {
		name = host
	}
	opts := []client.ClientOpt{client.WithServerConfigSystem(name)}
	if ca := file("cacert", "ca.pem"); ca != "" {
		opts = []client.ClientOpt{client.WithServerConfig(name, ca)}
	}
	cert, key := file("cert", "cert.pem"), file("key", "key.pem")
	if (cert == "") != (key == "") {
		return nil, errors.New("a BuildKit address needs both cert and key, or neither")
	}
	if cert != "" {
		opts = append(opts, client.WithCredentials(cert, key))
	}
	return opts, nil
}
