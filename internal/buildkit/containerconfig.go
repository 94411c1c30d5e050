package buildkit

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

const (
	configDir  = "/etc/buildkit"
	configName = "buildkitd.toml"
	// maxConfigFile is the size in bytes above which a file is refused.
	maxConfigFile = 1 << 20
)

// configFiles are the files of a directory for configuration, by relative name.
type configFiles map[string][]byte

// unsafeInPath are the characters of a registry that its directory lacks.
var unsafeInPath = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// loadConfig reads the configuration and the certificates that it names, and
// makes it name them where they will be, which is below a directory. Relative
// names are relative to the working directory or else to the configuration.
func loadConfig(file, to string) (configFiles, error) {
	if file == "" {
		return nil, nil
	}
	fail := func(err error) (configFiles, error) {
		return nil, fmt.Errorf("failed to load buildkit config file %s: %w", file, err)
	}
	data, err := readSmall(file)
	if err != nil {
		return fail(err)
	}
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return fail(err)
	}
	files := configFiles{}
	registries, _ := doc["registry"].(map[string]any)
	for name, r := range registries {
		if table, ok := r.(map[string]any); ok {
			if err := files.addRegistry(filepath.Dir(file), to, name, table); err != nil {
				return fail(err)
			}
		}
	}
	if files[configName], err = toml.Marshal(doc); err != nil {
		return fail(err)
	}
	return files, nil
}

func (f configFiles) addRegistry(dir, to, name string, table map[string]any) error {
	below := "certs/" + unsafeInPath.ReplaceAllString(name, "_")
	if list, ok := table["ca"].([]any); ok {
		for i := range list {
			if err := f.move(dir, to, below, &list[i]); err != nil {
				return err
			}
		}
	}
	pairs, _ := table["keypair"].([]any)
	for _, p := range pairs {
		pair, ok := p.(map[string]any)
		if !ok {
			continue
		}
		for _, key := range []string{"key", "cert"} {
			value := pair[key]
			if err := f.move(dir, to, below, &value); err != nil {
				return err
			}
			if value != nil {
				pair[key] = value
			}
		}
	}
	return nil
}

// move takes in the file that value names and changes the name.
func (f configFiles) move(dir, to, below string, value *any) error {
	name, ok := (*value).(string)
	if !ok {
		return nil
	}
	data, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(name) {
		data, err = readSmall(filepath.Join(dir, name))
	}
	if err != nil {
		return err
	}
	at := path.Join(below, filepath.Base(name))
	if old, ok := f[at]; ok && !bytes.Equal(old, data) {
		return fmt.Errorf("two different files would be called %s", at)
	}
	f[at] = data
	*value = path.Join(to, at)
	return nil
}

func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err == nil && len(data) > maxConfigFile {
		err = fmt.Errorf("%s is larger than %d bytes", file, maxConfigFile)
	}
	return data, err
}

// hash tells configurations apart; that of none is empty.
func (f configFiles) hash() string {
	if len(f) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(sum, "%s %d\n", name, len(f[name]))
		sum.Write(f[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// write makes the directory anew.
func (f configFiles) write(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, data := range f {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// tar holds the files below the last part of [configDir].
func (f configFiles) tar() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Base(configDir) + "/" + name, Mode: 0o644, Size: int64(len(f[name]))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f[name]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
