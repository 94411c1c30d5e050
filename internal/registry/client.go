package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

// Options configure a [Client].
type Options struct {
	// Store receives what is pulled and holds what is pushed.
	Store *content.Store
	// Mirrors may be nil.
	Mirrors Mirrors
	// CertFiles are PEM files of authorities trusted besides the system's.
	CertFiles []string
	// Keychain finds credentials; nil means the files of docker and podman
	// and their helpers.
	Keychain authn.Keychain
	// Parallel is how many blobs are transferred at once, 8 if zero.
	Parallel int
	// Bare stores of images what describes them, and their attestations, but
	// no layers.
	Bare bool
}

// Client talks to registries. It is safe for concurrent use.
type Client struct {
	opts  Options
	certs [][]byte

	// silent are registries that need not have been asked and did not answer.
	silent image.Silent

	connect  func() (*http.Transport, error)
	mu       sync.Mutex
	sessions map[access]*session
}

// New returns a client. Certificate files are read now and understood when a
// registry is first asked.
func New(opts Options) (*Client, error) {
	c := &Client{opts: opts, sessions: map[access]*session{}}
	if c.opts.Keychain == nil {
		c.opts.Keychain = authn.DefaultKeychain
	}
	if c.opts.Parallel == 0 {
		c.opts.Parallel = 8
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
	t.ResponseHeaderTimeout = 2 * time.Minute
	t.MaxIdleConnsPerHost = 8
	// What is unpacked on the way has another length and digest.
	t.DisableCompression = true
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

// access is what a session is opened for.
type access struct {
	target
	write bool
}

// session returns the way to a repository, after asking its registry for what
// authentication it wants.
func (c *Client) session(ctx context.Context, a access) (*session, error) {
	if s := c.known(a); s != nil {
		return s, nil
	}
	return c.open(ctx, a, nil)
}

// known returns the session that is open already, or nil.
func (c *Client) known(a access) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[a]
}

func (c *Client) open(ctx context.Context, a access, said *refusal) (*session, error) {
	s, err := c.newSession(ctx, a, said)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[a] = s
	return s, nil
}
