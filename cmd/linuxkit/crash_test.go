//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// crashRounds says how often the processes of a test are killed: CRASH_ROUNDS,
// else until the seconds have passed.
func crashRounds(seconds int, round func(n int)) {
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	rounds, err := strconv.Atoi(os.Getenv("CRASH_ROUNDS"))
	for n := 0; err == nil && n < rounds || err != nil && time.Now().Before(end); n++ {
		round(n)
	}
}

const (
	crashImages = 3
	crashLayer  = 300_000 // bytes
)

// slowRegistry serves images of which any two have a layer in common, slowly,
// and counts how often each blob is read.
type slowRegistry struct {
	host  string
	pause atomic.Int64 // nanoseconds between parts of a blob
	mu    sync.Mutex
	reads map[string]int
}

func newSlowRegistry(t testing.TB) *slowRegistry {
	t.Helper()
	s := &slowRegistry{reads: map[string]int{}}
	inner := fake.New(fake.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			s.mu.Lock()
			s.reads[filepath.Base(r.URL.Path)]++
			s.mu.Unlock()
			w = &slowWriter{ResponseWriter: w, pause: time.Duration(s.pause.Load()), gone: r.Context().Done()}
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	s.publish(t)
	return s
}

func (s *slowRegistry) publish(t testing.TB) {
	t.Helper()
	var layers [crashImages]v1.Layer
	for i := range layers {
		var err error
		if layers[i], err = random.Layer(crashLayer, types.OCILayer); err != nil {
			t.Fatal(err)
		}
	}
	for i := range crashImages {
		img := imageOf(t, layers[i], layers[(i+1)%crashImages])
		ref, err := name.ParseReference(s.ref(i))
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
	}
}

func imageOf(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := random.Image(10, 0)
	if err == nil {
		img, err = mutate.AppendLayers(img, layers...)
	}
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

func (s *slowRegistry) ref(i int) string { return fmt.Sprintf("%s/org/image%d:1", s.host, i) }

type slowWriter struct {
	http.ResponseWriter
	pause time.Duration
	gone  <-chan struct{} // the client has
}

func (w *slowWriter) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		var n int
		n, err = w.ResponseWriter.Write(p[:min(len(p), 32<<10)])
		written, p = written+n, p[n:]
		select {
		case <-time.After(w.pause):
		case <-w.gone:
			return written, io.ErrClosedPipe
		}
	}
	return written, err
}

// command is this program as another process.
func command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{"linuxkit"}, args...)
	cmd.Stdout = io.Discard
	cmd.Stderr = &bytes.Buffer{}
	cmd.Env = append(os.Environ(), "LINUXKIT_MIRROR=", "LINUXKIT_POLICY=", "HOME="+t.TempDir())
	return cmd
}

// crashWorld is what the processes of a round work with.
type crashWorld struct {
	registry                *slowRegistry
	cache, archive, configs string
}

func newCrashWorld(t *testing.T, cache string) *crashWorld {
	t.Helper()
	w := &crashWorld{registry: newSlowRegistry(t), cache: cache, configs: t.TempDir()}
	w.archive = filepath.Join(w.configs, "image.tar")
	own := filepath.Join(w.configs, "cache")
	succeed(t, "--cache", own, "cache", "pull", w.registry.ref(0))
	succeed(t, "--cache", own, "cache", "export", "--outfile", w.archive, "--platform", "linux/amd64", w.registry.ref(0), "--name", "x.io/imported:1")
	for i := range crashImages {
		if err := os.WriteFile(w.config(i), []byte("init: ["+w.registry.ref(i)+"]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.registry.pause.Store(int64(3 * time.Millisecond))
	return w
}

func (w *crashWorld) config(i int) string { return filepath.Join(w.configs, fmt.Sprintf("%d.yml", i)) }

// work is something that writes to the cache.
func (w *crashWorld) work() []string {
	i := rand.IntN(crashImages)
	all := [][]string{
		{"cache", "pull", w.registry.ref(i)},
		{"cache", "pull", w.registry.ref(i)},
		{"cache", "import", w.archive},
		{"cache", "rm", w.registry.ref(i)},
		{"cache", "gc"},
		{"build", "--no-sbom", "--arch", "amd64", "--format", "kernel+initrd", "--dir", w.configs, "--name", fmt.Sprint("out", i), w.config(i)},
	}
	return append([]string{"--cache", w.cache}, all[rand.IntN(len(all))]...)
}

// check is what must hold after every round.
func (w *crashWorld) check(t *testing.T, round int) {
	t.Helper()
	if r := linuxkit(t, nil, "--cache", w.cache, "cache", "verify"); r.code != 0 {
		t.Fatalf("round %d: %s", round, r.stderr)
	}
	if r := linuxkit(t, nil, "--cache", w.cache, "cache", "pull", w.registry.ref(round%crashImages)); r.code != 0 {
		t.Fatalf("round %d: %s", round, r.stderr)
	}
	if r := linuxkit(t, nil, "--cache", w.cache, "cache", "verify"); r.code != 0 {
		t.Fatalf("round %d, after pulling: %s", round, r.stderr)
	}
}

// several runs processes at once; each is killed after a while, if ever.
func (w *crashWorld) several(t *testing.T, n int, kill bool) {
	t.Helper()
	var running sync.WaitGroup
	for range n {
		ctx, cancel := context.WithCancel(t.Context())
		if kill {
			time.AfterFunc(time.Duration(rand.IntN(200))*time.Millisecond, cancel)
		}
		cmd := command(ctx, t, w.work()...)
		running.Go(func() {
			defer cancel()
			_ = cmd.Run() // killed, or refused by a full disk
			if s := fmt.Sprint(cmd.Stderr); strings.Contains(s, "panic:") || strings.Contains(s, "damaged") {
				t.Errorf("%q: %s", cmd.Args, s)
			}
		})
	}
	running.Wait()
}

// Processes that are killed at any time leave a cache that is whole.
func TestKill(t *testing.T) {
	w := newCrashWorld(t, filepath.Join(t.TempDir(), "cache"))
	crashRounds(6, func(n int) {
		w.several(t, 4, true)
		w.check(t, n)
	})
}

// So does a disk that is full at any point, with and without being killed.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	w := newCrashWorld(t, filepath.Join(dir, "cache"))
	filler := filepath.Join(dir, "filler")
	crashRounds(5, func(n int) {
		if err := os.WriteFile(filler, make([]byte, 1_500_000+rand.IntN(2_500_000)), 0o600); err != nil {
			t.Log("the filler fills all:", err)
		}
		w.several(t, 3, n%2 == 0)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		w.check(t, n)
	})
}

// Eight processes that pull images with common layers read each blob once.
func TestEightPulls(t *testing.T) {
	s := newSlowRegistry(t)
	s.pause.Store(int64(2 * time.Millisecond))
	cache := filepath.Join(t.TempDir(), "cache")
	var running sync.WaitGroup
	for i := range 8 {
		cmd := command(t.Context(), t, "--cache", cache, "cache", "pull", s.ref(i%crashImages))
		running.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %s", err, cmd.Stderr)
			}
		})
	}
	running.Wait()
	for blob, n := range s.reads {
		if n != 1 {
			t.Errorf("%s was read %d times", blob, n)
		}
	}
	if len(s.reads) != 2*crashImages {
		t.Errorf("%d blobs were read", len(s.reads))
	}
	succeed(t, "--cache", cache, "cache", "verify")
}

// Who reads is not kept waiting by a pull that takes long, and nobody takes
// away what it has fetched.
func TestReadWhilePulling(t *testing.T) {
	s := newSlowRegistry(t)
	cache := filepath.Join(t.TempDir(), "cache")
	succeed(t, "--cache", cache, "cache", "pull", s.ref(0))
	s.pause.Store(int64(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pull := command(ctx, t, "--cache", cache, "cache", "pull", s.ref(1))
	if err := pull.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = pull.Wait(); close(ended) }()
	for s.begun() <= 3 { // what the first pull read
		time.Sleep(5 * time.Millisecond)
	}
	for _, args := range [][]string{
		{"cache", "ls"}, {"cache", "du"}, {"cache", "verify"},
		{"cache", "export", "--outfile", filepath.Join(t.TempDir(), "x.tar"), "--platform", "linux/amd64", s.ref(0)},
		{"build", "--no-sbom", "--arch", "amd64", "--format", "tar", "-o", filepath.Join(t.TempDir(), "x.tar"), s.config(t, 0)},
		{"cache", "rm", s.ref(0)},
	} {
		succeed(t, append([]string{"--cache", cache}, args...)...)
	}
	if r := linuxkit(t, nil, "--cache", cache, "cache", "gc"); r.code == 0 || !strings.Contains(r.stderr, "in use by another process") {
		t.Errorf("gc: %+v", r)
	}
	select {
	case <-ended:
		t.Errorf("the pull has ended: %s", pull.Stderr)
	default:
	}
	cancel()
	<-ended
}

func (s *slowRegistry) begun() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reads)
}

func (s *slowRegistry) config(t *testing.T, i int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(name, []byte("init: ["+s.ref(i)+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
