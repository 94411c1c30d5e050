package dockerengine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	defaultHost    = "unix:///var/run/docker.sock"
	defaultContext = "default"
	maxConfig      = 1 << 20 // bytes
)

// endpoint is where an engine is and how it is talked to.
type endpoint struct {
	host string
	// certs is the directory of ca.pem, cert.pem and key.pem, empty without
	// encryption. Files that are missing there are not used.
	certs string
	// anyServer accepts whatever certificate the engine shows.
	anyServer bool
}

// find returns the endpoint of a context by name, or the one that docker would
// use if there is no name: that of DOCKER_HOST, of DOCKER_CONTEXT, of the
// current context, or the usual socket.
func find(context string, env func(string) string) (endpoint, error) {
	if context == "" && env("DOCKER_HOST") == "" {
		context = env("DOCKER_CONTEXT")
	} else if context == "" {
		context = defaultContext
	}
	dir := configDir(env)
	if context == "" {
		var err error
		if context, err = currentContext(dir); err != nil {
			return endpoint{}, err
		}
	}
	if context == "" || context == defaultContext {
		return fromEnv(dir, env), nil
	}
	return fromContext(dir, context)
}

func configDir(env func(string) string) string {
	if dir := env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".docker")
}

func fromEnv(dir string, env func(string) string) endpoint {
	e := endpoint{host: env("DOCKER_HOST"), certs: env("DOCKER_CERT_PATH")}
	if e.host == "" {
		e.host = defaultHost
	}
	verify := env("DOCKER_TLS_VERIFY") != ""
	if verify && e.certs == "" {
		e.certs = dir
	}
	e.anyServer = e.certs != "" && !verify
	return e
}

func currentContext(dir string) (string, error) {
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	err := readJSON(filepath.Join(dir, "config.json"), &config)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return config.CurrentContext, err
}

// fromContext reads what `docker context create` wrote.
func fromContext(dir, name string) (endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	err := readJSON(filepath.Join(dir, "contexts", "meta", id, "meta.json"), &meta)
	if errors.Is(err, fs.ErrNotExist) {
		return endpoint{}, fmt.Errorf("docker context %q not found", name)
	}
	if err != nil {
		return endpoint{}, err
	}
	docker := meta.Endpoints["docker"]
	if docker.Host == "" {
		return endpoint{}, fmt.Errorf("docker context %q has no docker endpoint", name)
	}
	e := endpoint{host: docker.Host, anyServer: docker.SkipTLSVerify}
	certs := filepath.Join(dir, "contexts", "tls", id, "docker")
	if _, err := os.Stat(certs); err == nil {
		e.certs = certs
	}
	return e, nil
}

func readJSON(name string, into any) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() > maxConfig {
		return fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxConfig)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
