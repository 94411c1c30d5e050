package vm

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/format/metadataiso"
)

// ErrInUse means that another process runs a machine from a state directory.
var ErrInUse = errors.New("in use by another machine")

// State is the directory of what a machine keeps from run to run. One process
// at a time holds it.
type State struct {
	dir  string
	lock *os.File
}

// OpenState creates dir, with mode 0755, and takes it for this process. The
// error is ErrInUse if another one has it.
func OpenState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("locking the state directory: %w", err)
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("state directory %s: %w; stop that one or choose another directory with --state", dir, err)
	}
	return &State{dir: dir, lock: f}, nil
}

// Close gives the directory back. What is in it stays.
func (s *State) Close() error { return s.lock.Close() }

// Path is the path of a file of the directory.
func (s *State) Path(name string) string { return filepath.Join(s.dir, name) }

// MAC is the machine's hardware address: random, locally administered, and the
// same in every run.
func (s *State) MAC(ctx context.Context) (net.HardwareAddr, error) {
	path := s.Path("mac-addr")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.newMAC(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the hardware address: %w", err)
	}
	mac, err := net.ParseMAC(strings.TrimSpace(string(text)))
	if err != nil || len(mac) != 6 {
		return nil, fmt.Errorf("hardware address in %s: %q is none; remove the file to get a new one", path, bytes.TrimSpace(text))
	}
	return mac, nil
}

func (s *State) newMAC(ctx context.Context, path string) (net.HardwareAddr, error) {
	mac := make(net.HardwareAddr, 6)
	rand.Read(mac)
	mac[0] = mac[0]&^1 | 2
	if err := atomicfile.WriteBytes(ctx, path, 0o640, []byte(mac.String())); err != nil {
		return nil, fmt.Errorf("keeping the hardware address: %w", err)
	}
	return mac, nil
}

// WriteData writes data.iso, which carries data to the guest, and returns its
// path.
func (s *State) WriteData(ctx context.Context, data []byte) (string, error) {
	path := s.Path("data.iso")
	return path, WriteDataISO(ctx, path, data)
}

// WriteDataISO writes an image that carries data to a guest to path. An
// existing file is replaced as a whole.
func WriteDataISO(ctx context.Context, path string, data []byte) error {
	var image bytes.Buffer
	if err := metadataiso.Write(&image, metadataiso.UserData(data)); err != nil {
		return err
	}
	return atomicfile.WriteBytes(ctx, path, 0o644, image.Bytes())
}
