package services

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// RuntimeConfig is the file that says how containerd is started.
const RuntimeConfig = "/etc/containerd/runtime-config.toml"

// daemonConfig is the content of the file.
type daemonConfig struct {
	// Options is cut at white space and given to containerd.
	Options string `toml:"cliopts"`
	// Stdout and Stderr are "stdout", "stderr" or an absolute path.
	Stdout string `toml:"stdout"`
	Stderr string `toml:"stderr"`
}

// loadConfig reads the file; one that is missing changes nothing.
func loadConfig(path string) (daemonConfig, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return daemonConfig{}, nil
	}
	if err != nil {
		return daemonConfig{}, fmt.Errorf("read how to start containerd: %w", err)
	}
	c, err := parseConfig(raw)
	if err != nil {
		return c, fmt.Errorf("read how to start containerd from %s: %w", path, err)
	}
	return c, nil
}

func parseConfig(raw []byte) (daemonConfig, error) {
	var c daemonConfig
	if err := toml.Unmarshal(raw, &c); err != nil {
		return c, err
	}
	for key, value := range map[string]string{"stdout": c.Stdout, "stderr": c.Stderr} {
		if !isWriter(value) {
			return c, fmt.Errorf("%s = %q: use stdout, stderr or an absolute path", key, value)
		}
	}
	return c, nil
}

func isWriter(value string) bool {
	return value == "" || value == "stdout" || value == "stderr" || filepath.IsAbs(value)
}

// args are the arguments of containerd.
func (c daemonConfig) args() []string { return strings.Fields(c.Options) }

// open returns what a value stands for. Files are to be closed by the caller.
func open(value string, byDefault *os.File) (f *os.File, owned bool, err error) {
	switch value {
	case "":
		return byDefault, false, nil
	case "stdout":
		return os.Stdout, false, nil
	case "stderr":
		return os.Stderr, false, nil
	}
	f, err = os.OpenFile(value, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return f, true, err
}
