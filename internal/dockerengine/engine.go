package dockerengine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoImage means that the engine does not have an image.
var ErrNoImage = errors.New("image is not in the docker engine")

const (
	// dialTimeout is how long an engine is waited for.
	dialTimeout = 5 * time.Second
	// answerTimeout is how long a question may take that is no transfer.
	answerTimeout = 30 * time.Second
	maxAnswer     = 8 << 20 // bytes
)

// Engine is a Docker engine. Nothing is connected before it is asked.
type Engine struct {
	// Host is where it is, such as unix:///var/run/docker.sock.
	Host string
	http *http.Client
	base url.URL
}

// New returns the engine of a docker context, or the one that the docker
// program would use if context is empty.
func New(context string) (*Engine, error) {
	e, err := find(context, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("find docker engine: %w", err)
	}
	engine, err := connect(e)
	if err != nil {
		return nil, fmt.Errorf("docker engine %s: %w", e.host, err)
	}
	return engine, nil
}

func connect(e endpoint) (*Engine, error) {
	scheme, address, ok := strings.Cut(e.host, "://")
	if !ok {
		return nil, errors.New("it is not written as unix://, tcp:// or ssh://")
	}
	t := &http.Transport{MaxIdleConns: 4, IdleConnTimeout: time.Minute, DisableCompression: true}
	engine := &Engine{Host: e.host, http: &http.Client{Transport: t}, base: url.URL{Scheme: "http", Host: "docker"}}
	dialer := &net.Dialer{Timeout: dialTimeout}
	switch scheme {
	case "unix":
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", address)
		}
	case "tcp", "http", "https":
		address, path, _ := strings.Cut(address, "/")
		engine.base.Host, engine.base.Path = address, strings.TrimSuffix("/"+path, "/")
		t.DialContext = dialer.DialContext
		if e.certs == "" && scheme != "https" {
			return engine, nil
		}
		engine.base.Scheme = "https"
		var err error
		t.TLSClientConfig, err = tlsConfig(e)
		return engine, err
	case "ssh":
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSSH(ctx, e.host) }
	default:
		return nil, fmt.Errorf("%s:// is not supported, use unix://, tcp:// or ssh://", scheme)
	}
	return engine, nil
}

func tlsConfig(e endpoint) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.anyServer}
	if e.certs == "" {
		return config, nil
	}
	ca, err := os.ReadFile(filepath.Join(e.certs, "ca.pem"))
	switch {
	case err == nil:
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", filepath.Join(e.certs, "ca.pem"))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(e.certs, "cert.pem"), filepath.Join(e.certs, "key.pem"))
	if err == nil {
		config.Certificates = []tls.Certificate{cert}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return config, nil
}

// request sends a request and turns the engine's complaint into an error.
func (e *Engine) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	u := e.base
	u.Path += path
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-tar")
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("docker engine %s: %w", e.Host, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, fmt.Errorf("docker engine %s: %w", e.Host, complaint(resp))
}

func complaint(resp *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var m struct {
		Message string `json:"message"`
	}
	text := strings.TrimSpace(string(data))
	if json.Unmarshal(data, &m) == nil && m.Message != "" {
		text = m.Message
	}
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrNoImage, text)
	}
	return fmt.Errorf("status %s: %s", resp.Status, text)
}

// Info is what an engine says of an image.
type Info struct {
	// ID is the digest of its configuration, or of its manifest with engines
	// that keep images in containerd.
	ID           string `json:"Id"`
	OS           string `json:"Os"`
	Architecture string
	Variant      string
	Size         int64
}

// Inspect asks for an image; the error is [ErrNoImage] if it is not there.
func (e *Engine) Inspect(ctx context.Context, ref string) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var info Info
	resp, err := e.request(ctx, http.MethodGet, "/images/"+ref+"/json", nil, nil)
	if err != nil {
		return info, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&info); err != nil {
		return info, fmt.Errorf("docker engine %s: read what it says of image %s: %w", e.Host, ref, err)
	}
	return info, nil
}

// Save opens the archive of an image, as docker save writes it.
func (e *Engine) Save(ctx context.Context, ref string) (io.ReadCloser, error) {
	resp, err := e.request(ctx, http.MethodGet, "/images/"+ref+"/get", nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Load puts the images of an archive into the engine, under the names that the
// archive gives them.
func (e *Engine) Load(ctx context.Context, archive io.Reader) error {
	resp, err := e.request(ctx, http.MethodPost, "/images/load", url.Values{"quiet": {"1"}}, archive)
	if err != nil {
		return fmt.Errorf("load image: %w", err)
	}
	defer resp.Body.Close()
	// The engine says OK first and how it went afterwards.
	for messages := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)); ; {
		var m struct {
			Error string `json:"error"`
		}
		err := messages.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("load image: docker engine %s: read its answer: %w", e.Host, err)
		case m.Error != "":
			return fmt.Errorf("load image: docker engine %s: %s", e.Host, m.Error)
		}
	}
}
