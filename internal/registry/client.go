package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Options configure a [Client].
type Options struct {
	// Store receives what is pulled.
	Store *content.Store
	// Mirrors may be nil.
	Mirrors Mirrors
	// CertFiles are PEM files of authorities trusted besides the system's.
	CertFiles []string
	// Keychain finds credentials; nil means the files of docker and podman
	// and their helpers.
	Keychain authn.Keychain
	// Parallel is how many blobs are fetched at once, 4 if zero.
	Parallel int
}

// Client reads from registries. It is safe for concurrent use.
type Client struct {
	opts  Options
	certs [][]byte

	connect func() (*http.Transport, error)
	mu      sync.Mutex
	open    map[target]*session
}

// New returns a client. Certificate files are read now and understood when a
// registry is first asked.
func New(opts Options) (*Client, error) {
	c := &Client{opts: opts, open: map[target]*session{}}
	if c.opts.Keychain == nil {
		c.opts.Keychain = authn.DefaultKeychain
	}
	if c.opts.Parallel == 0 {
		c.opts.Parallel = 4
	}
	for _, f := range opts.CertFiles {
		pem, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("failed to read certificate file %q: %w", f, err)
		}
		c.certs = append(c.certs, pem)
	}
	c.connect = sync.OnceValues(c.newTransport)
	return c, nil
}

func (c *Client) newTransport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	t.ResponseHeaderTimeout = time.Minute
	t.MaxIdleConnsPerHost = 8
	if len(c.certs) == 0 {
		return t, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for n, pem := range c.certs {
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("failed to append CA certificate: %q holds none in PEM form", c.opts.CertFiles[n])
		}
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// session is an authenticated way to read one repository.
type session struct {
	http *http.Client
	// base is the URL of the repository.
	base string
}

// session returns the way to read the repository of ref, after asking the
// registry for what authentication it wants.
func (c *Client) session(ctx context.Context, ref reference.Reference) (*session, error) {
	t := c.opts.Mirrors.target(ref)
	c.mu.Lock()
	s := c.open[t]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.newSession(ctx, t)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[t] = s
	return s, nil
}

func (c *Client) newSession(ctx context.Context, t target) (*session, error) {
	base, err := c.connect()
	if err != nil {
		return nil, err
	}
	options := []name.Option{}
	if t.plain {
		options = append(options, name.Insecure)
	}
	repo, err := name.NewRepository(t.host+"/"+t.repository, options...)
	if err != nil {
		return nil, err
	}
	auth, err := authn.Resolve(ctx, c.opts.Keychain, repo)
	if err != nil {
		return nil, fmt.Errorf("find credentials for %s: %w", repo, err)
	}
	inner := transport.NewRetry(&policy{inner: base, plain: t})
	rt, err := transport.NewWithContext(ctx, repo.Registry, auth, inner, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	return &session{
		http: &http.Client{Transport: rt},
		// The transport replaces the scheme by the one that the registry
		// answered to.
		base: "https://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr(),
	}, nil
}

// errPlain means that something would have been sent or read unencrypted.
var errPlain = errors.New("plain HTTP is refused; it is allowed for loopback addresses and for a mirror given as http://")

// policy refuses plain HTTP, also for redirects and token services.
type policy struct {
	inner http.RoundTripper
	plain target
}

func (p *policy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !isLoopback(r.URL.Hostname()) && !(p.plain.plain && r.URL.Host == p.plain.host) {
		return nil, fmt.Errorf("request to %s: %w", r.URL.Host, errPlain)
	}
	return p.inner.RoundTrip(r)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
