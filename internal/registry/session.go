package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/net/publicsuffix"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// session is an authenticated way to one repository.
type session struct {
	http *http.Client
	// base is the URL of the repository.
	base string
}

func (c *Client) newSession(ctx context.Context, a access) (*session, error) {
	base, err := c.connect()
	if err != nil {
		return nil, err
	}
	var options []name.Option
	if a.plain {
		options = append(options, name.Insecure)
	}
	repo, err := name.NewRepository(a.host+"/"+a.repository, options...)
	if err != nil {
		return nil, err
	}
	inner := &retrier{inner: &policy{inner: base, target: a.target}, spare: a.spare}
	challenge, err := transport.Ping(ctx, repo.Registry, inner)
	if err != nil {
		return nil, err
	}
	rt, err := c.authenticate(ctx, repo, inner, challenge, a.write)
	if err != nil {
		return nil, err
	}
	scheme := "https"
	if challenge.Insecure {
		scheme = "http"
	}
	return &session{
		http: &http.Client{Transport: rt},
		base: scheme + "://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr(),
	}, nil
}

// authenticate answers the challenge of a registry. Credentials go to the
// registry, or to its token service in the same domain, and nowhere else.
func (c *Client) authenticate(ctx context.Context, repo name.Repository, inner http.RoundTripper, challenge *transport.Challenge, write bool) (http.RoundTripper, error) {
	auth, err := c.credentials(ctx, repo, challenge)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(challenge.Scheme, "bearer") {
		return transport.FromToken(repo.Registry, auth, inner, challenge, nil)
	}
	known, err := authn.Authorization(ctx, auth)
	if err != nil {
		return nil, fmt.Errorf("find credentials for %s: %w", repo, err)
	}
	if known.RegistryToken != "" {
		return transport.FromToken(repo.Registry, auth, inner, challenge, &transport.Token{Token: known.RegistryToken})
	}
	scope := transport.PullScope
	if write {
		scope = transport.PushScope
	}
	token, err := transport.Exchange(ctx, repo.Registry, auth, inner, []string{repo.Scope(scope)}, challenge)
	if err != nil {
		return nil, err
	}
	if token.AccessToken != "" {
		token.Token = token.AccessToken
	}
	return transport.FromToken(repo.Registry, auth, inner, challenge, token)
}

// credentials are those for the registry if its token service is its own, else
// those that are configured for the token service.
func (c *Client) credentials(ctx context.Context, repo name.Repository, challenge *transport.Challenge) (authn.Authenticator, error) {
	resource := authn.Resource(repo)
	if realm := challenge.Parameters["realm"]; strings.EqualFold(challenge.Scheme, "bearer") {
		u, err := url.Parse(realm)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("registry %s names a token service %q that is not a URL", repo.RegistryStr(), realm)
		}
		if !sameOwner(repo.RegistryStr(), u.Host) {
			progress.Debugf(ctx, "token service %s does not belong to registry %s; credentials for the registry are not sent there", u.Host, repo.RegistryStr())
			if resource, err = name.NewRegistry(u.Host); err != nil {
				return authn.Anonymous, nil
			}
		}
	}
	auth, err := authn.Resolve(ctx, c.opts.Keychain, resource)
	if err != nil {
		return nil, fmt.Errorf("find credentials for %s: %w", resource, err)
	}
	return auth, nil
}

// sameOwner tells whether two hosts, perhaps with ports, are equal or belong to
// one registered domain.
func sameOwner(a, b string) bool {
	if a == b {
		return true
	}
	hostA, hostB := withoutPort(a), withoutPort(b)
	if hostA == hostB {
		return true
	}
	if net.ParseIP(hostA) != nil || net.ParseIP(hostB) != nil {
		return false
	}
	domainA, errA := publicsuffix.EffectiveTLDPlusOne(hostA)
	domainB, errB := publicsuffix.EffectiveTLDPlusOne(hostB)
	return errA == nil && errB == nil && domainA == domainB
}

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
