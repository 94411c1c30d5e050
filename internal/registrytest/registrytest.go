// Package registrytest runs a real image registry, Debian's docker-registry,
// for tests and benchmarks. It owns the process.
package registrytest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/certtest"
)

// What a registry with accounts knows.
const (
	User     = "user"
	Password = "secret:word"
	// account is the line of htpasswd for them.
	account = "user:$2y$05$O5rqsWZ011vY6ZY/l0cPyuHsRLWuWxdiJ4eO289IrKb8YXo2DtVTa"
)

// Options choose what a registry demands.
type Options struct {
	// TLS encrypts with a certificate of an authority of its own.
	TLS bool
	// Accounts lets only [User] in.
	Accounts bool
}

// Registry is a registry that runs.
type Registry struct {
	// Host is its address with port.
	Host string
	// CertFile is the authority's certificate, empty without TLS.
	CertFile string
	// Dir is where it keeps what it is sent.
	Dir string

	cmd   *exec.Cmd
	log   bytes.Buffer
	ended chan error
}

// Start runs a registry until the test ends. Without docker-registry the test
// is skipped.
func Start(t testing.TB, o Options) *Registry {
	t.Helper()
	r, err := Run(t.TempDir(), o)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no docker-registry; Debian has it in the package of that name")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// Run starts a registry that keeps its files in dir until it is stopped.
// Without docker-registry the error is [exec.ErrNotFound].
func Run(dir string, o Options) (*Registry, error) {
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		return nil, err
	}
	host, err := freeAddress()
	if err != nil {
		return nil, err
	}
	r := &Registry{Host: host, Dir: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	config, err := r.configure(dir, o)
	if err != nil {
		return nil, err
	}
	r.cmd = exec.Command(program, "serve", config)
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { r.ended <- r.cmd.Wait() }()
	if err := r.wait(); err != nil {
		r.Stop()
		return nil, fmt.Errorf("docker-registry: %w\n%s", err, &r.log)
	}
	return r, nil
}

// configure writes the configuration and what it refers to.
func (r *Registry) configure(dir string, o Options) (string, error) {
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp:\n  addr: %s\n  secret: x\n", r.Dir, r.Host)
	if o.TLS {
		r.CertFile = filepath.Join(dir, "ca.pem")
		if err := certtest.Write(dir, net.IPv4(127, 0, 0, 1)); err != nil {
			return "", err
		}
		config += fmt.Sprintf("  tls: {certificate: %q, key: %q}\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	}
	if o.Accounts {
		accounts := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(accounts, []byte(account+"\n"), 0o600); err != nil {
			return "", err
		}
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", accounts)
	}
	name := filepath.Join(dir, "config.yml")
	return name, os.WriteFile(name, []byte(config), 0o600)
}

// wait returns when the registry answers; it only matters that something does.
func (r *Registry) wait() error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for range 200 {
		if resp, err := client.Get(r.URL() + "/v2/"); err == nil {
			return resp.Body.Close()
		}
		select {
		case err := <-r.ended:
			r.ended <- err
			return errors.Join(errors.New("it ended"), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("it does not answer")
}

// Stop ends the registry. What it was sent stays.
func (r *Registry) Stop() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// URL is the address of the registry with its scheme.
func (r *Registry) URL() string {
	if r.CertFile != "" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
