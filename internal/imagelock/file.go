package imagelock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/opencontainers/go-digest"
	"go.yaml.in/yaml/v4"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// version is that of the format of lock files.
const version = 1

// maxFile is the size in bytes above which a file is no lock file.
const maxFile = 8 << 20

const heading = `# What the names of images stand for. Made by linuxkit build --lock;
# --lock-update writes it anew.
`

var platformForm = regexp.MustCompile(`^[a-z0-9]+(/[a-z0-9.]+){1,2}$`)

// document is a lock file.
type document struct {
	Version int     `yaml:"version"`
	Images  entries `yaml:"images"`
}

func readFile(name string) (entries, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return decode(data)
}

// decode reads a lock file.
func decode(data []byte) (entries, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var d document
	if err := dec.Decode(&d); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, fmt.Errorf("%w; remove it to have it made anew", err)
	}
	if d.Version != version {
		return nil, fmt.Errorf("version is %d, want %d", d.Version, version)
	}
	for _, ref := range slices.Sorted(maps.Keys(d.Images)) {
		if err := d.Images[ref].check(ref); err != nil {
			return nil, fmt.Errorf("image %s: %w", ref, err)
		}
	}
	if d.Images == nil {
		d.Images = entries{}
	}
	return d.Images, nil
}

func (e entry) check(ref string) error {
	if _, err := reference.Parse(ref); err != nil {
		return err
	}
	if e.Digest == "" && len(e.Platforms) == 0 && len(e.Contents) > 0 {
		return checkPlatforms(e.Contents)
	}
	if err := e.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", e.Digest, err)
	}
	return errors.Join(checkPlatforms(e.Platforms), checkPlatforms(e.Contents))
}

func checkPlatforms(digests map[string]digest.Digest) error {
	for _, platform := range slices.Sorted(maps.Keys(digests)) {
		d := digests[platform]
		if !platformForm.MatchString(platform) {
			return fmt.Errorf("platform %q is not of the form os/architecture", platform)
		}
		if err := d.Validate(); err != nil {
			return fmt.Errorf("digest %q of %s: %w", d, platform, err)
		}
	}
	return nil
}

// encode returns the text of a lock file: sorted, one fact on a line.
func (all entries) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%sversion: %d\nimages:", heading, version)
	if len(all) == 0 {
		b.WriteString(" {}")
	}
	b.WriteByte('\n')
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		e := all[ref]
		fmt.Fprintf(&b, "  %s:\n", ref)
		if e.Digest != "" {
			fmt.Fprintf(&b, "    digest: %s\n", e.Digest)
		}
		encodePlatforms(&b, "platforms", e.Platforms)
		encodePlatforms(&b, "contents", e.Contents)
	}
	return b.Bytes()
}

func encodePlatforms(b *bytes.Buffer, name string, digests map[string]digest.Digest) {
	if len(digests) > 0 {
		fmt.Fprintf(b, "    %s:\n", name)
	}
	for _, p := range slices.Sorted(maps.Keys(digests)) {
		fmt.Fprintf(b, "      %s: %s\n", p, digests[p])
	}
}

// writeFile replaces the file unless it is the same.
func (all entries) writeFile(ctx context.Context, name string) error {
	data := all.encode()
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return atomicfile.WriteBytes(ctx, name, 0o644, data)
}
