package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

// counted counts how often a blob is opened, and what is not closed.
type counted struct {
	opened, unclosed atomic.Int32
}

type countedReader struct {
	io.Reader
	c *counted
}

func (r *countedReader) Close() error {
	r.c.unclosed.Add(-1)
	return nil
}

func (c *counted) blob(data []byte) Blob {
	return Blob{Digest: "sha256:counted", Open: func(context.Context) (io.ReadCloser, error) {
		c.opened.Add(1)
		c.unclosed.Add(1)
		return &countedReader{bytes.NewReader(data), c}, nil
	}}
}

func TestCompression(t *testing.T) {
	plain := archive(t, "dir a", "file a/b content")
	skippable := append([]byte{0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}, compresstest.Zstd(t, plain)...)
	half := len(plain) / 2
	for name, data := range map[string][]byte{
		"plain":           plain,
		"gzip":            compresstest.Gzip(t, plain),
		"gzip, members":   append(compresstest.Gzip(t, plain[:half]), compresstest.Gzip(t, plain[half:])...),
		"zstd":            compresstest.Zstd(t, plain),
		"zstd, frames":    append(compresstest.Zstd(t, plain[:half]), compresstest.Zstd(t, plain[half:])...),
		"zstd, skippable": skippable,
	} {
		c := &counted{}
		got, err := flatten(t, []Blob{c.blob(data)}, Options{})
		if err != nil || !slices.Equal(got, []string{"dir a", "file a/b content"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if c.opened.Load() != 1 || c.unclosed.Load() != 0 {
			t.Errorf("%s: opened %d times, %d not closed", name, c.opened.Load(), c.unclosed.Load())
		}
	}
}

func TestBrokenLayers(t *testing.T) {
	plain := archive(t, "dir a", "file a/b "+strings.Repeat("content", 500))
	gz, zs := compresstest.Gzip(t, plain), compresstest.Zstd(t, plain)
	badSum := slices.Clone(gz)
	badSum[len(badSum)-6] ^= 1
	for name, data := range map[string][]byte{
		"no archive":       []byte(strings.Repeat("hello", 200)),
		"short":            []byte("hello"),
		"xz":               append([]byte("\xfd7zXZ\x00"), make([]byte, 600)...),
		"cut tar":          plain[:1500],
		"cut gzip":         gz[:len(gz)/2],
		"gzip without sum": gz[:len(gz)-5],
		"bad gzip sum":     badSum,
		"gzip header":      {0x1f, 0x8b, 0, 0, 0},
		"cut zstd":         zs[:len(zs)/2],
		"zstd header":      {0x28, 0xb5, 0x2f, 0xfd, 0xff},
	} {
		c := &counted{}
		b := c.blob(data)
		got, err := flatten(t, []Blob{b}, Options{})
		if err == nil || !strings.Contains(err.Error(), b.Digest) {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
		if len(got) > 0 {
			t.Errorf("%s: emitted %q", name, got)
		}
		if c.unclosed.Load() != 0 {
			t.Errorf("%s: not closed", name)
		}
	}
	if got, err := flatten(t, []Blob{blob(nil)}, Options{}); err != nil || len(got) != 0 {
		t.Errorf("empty: %q, %v", got, err)
	}
}

func TestZstdWindow(t *testing.T) {
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(512<<20))
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	// A frame header that asks for a window of 1 TiB or so.
	data := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf0, 0x01, 0x00, 0x00}
	if _, err := flatten(t, []Blob{blob(data)}, Options{}); !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("error %v", err)
	}
}

// zeros is a tar archive of files of zero bytes, made while it is read.
func zeros(files int, size int64) io.Reader {
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		block := make([]byte, 1<<20)
		for i := range files {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("dir/file%d", i), Size: size}
			if err := t.WriteHeader(h); err != nil {
				w.CloseWithError(err)
				return
			}
			for left := size; left > 0; left -= int64(len(block)) {
				if _, err := t.Write(block[:min(left, int64(len(block)))]); err != nil {
					w.CloseWithError(err)
					return
				}
			}
		}
		w.CloseWithError(t.Close())
	}()
	return r
}

// TestLargeLayers has more content than is kept in memory.
func TestLargeLayers(t *testing.T) {
	const files, size = 40, 2 << 20
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, zeros(files, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zeros(files, size))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"zstd": buf.Bytes(), "plain": plain, "gzip": compresstest.Gzip(t, plain)} {
		a, b := &counted{}, &counted{}
		layers := []Blob{a.blob(data), b.blob(data), blob(archive(t, "file dir/.wh.file7"))}
		if n, total := sum(t, layers); n != files-1 || total != (files-1)*size {
			t.Errorf("%s: %d files, %d bytes", name, n, total)
		}
		// The lower one is hidden altogether, so it is not read again.
		if a.opened.Load() != 1 || b.opened.Load() != 2 || a.unclosed.Load()+b.unclosed.Load() != 0 {
			t.Errorf("%s: opened %d and %d times", name, a.opened.Load(), b.opened.Load())
		}
	}
}

func sum(t *testing.T, layers []Blob) (files int, total int64) {
	t.Helper()
	err := Flatten(context.Background(), layers, Options{}, func(e *Entry) error {
		files++
		n, err := io.Copy(io.Discard, e.Content)
		total += n
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files, total
}

// TestSeekable skips in a file that is not compressed.
func TestSeekable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "layer.tar")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, zeros(4, 20<<20)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	read := &atomic.Int64{}
	layers := []Blob{{Digest: "file", Open: func(context.Context) (io.ReadCloser, error) {
		f, err := os.Open(name)
		return &countingFile{f, read}, err
	}}}
	only := Options{Keep: func(n string) bool { return n == "dir/file2" }}
	n := int64(0)
	err = Flatten(context.Background(), layers, only, func(e *Entry) error {
		n, err = io.Copy(io.Discard, e.Content)
		return err
	})
	if err != nil || n != 20<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if got := read.Load(); got > 22<<20 {
		t.Errorf("read %d bytes of a file of 20 MiB among others", got)
	}
}

type countingFile struct {
	*os.File
	n *atomic.Int64
}

func (f *countingFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.n.Add(int64(n))
	return n, err
}

func (f *countingFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

func TestKeep(t *testing.T) {
	layers := stack(t, []string{"dir a", "dir a/b", "file a/b/c 1", "link x a/b/c", "link y a/b/c"}, []string{"dir a 700"})
	dropped := map[string]bool{"a/b": true, "a/b/c": true}
	got, err := flatten(t, layers, Options{Keep: func(n string) bool { return !dropped[n] }})
	if want := []string{"file x 1 x2", "link y x", "dir a 700"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestEmitError(t *testing.T) {
	mine := errors.New("disk full")
	n := 0
	err := Flatten(context.Background(), stack(t, []string{"file a 1", "file b 2"}), Options{}, func(*Entry) error {
		n++
		return mine
	})
	if err != mine || n != 1 {
		t.Errorf("%v after %d entries", err, n)
	}
}

func TestOpenError(t *testing.T) {
	mine := errors.New("no such blob")
	layers := []Blob{{Digest: "sha256:abc", Open: func(context.Context) (io.ReadCloser, error) { return nil, mine }}}
	if _, err := flatten(t, layers, Options{}); !errors.Is(err, mine) || !strings.Contains(err.Error(), "sha256:abc") {
		t.Errorf("%v", err)
	}
}

// TestCancel ends the context while content is read.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, data := range [][]byte{archive(t, "file a 1", "file b 2"), compresstest.Gzip(t, archive(t, "file a 1", "file b 2"))} {
		ctx, cancel := context.WithCancel(context.Background())
		err := Flatten(ctx, []Blob{blob(data)}, Options{}, func(e *Entry) error {
			cancel()
			_, err := io.ReadAll(e.Content)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Flatten(canceled, stack(t, []string{"file a 1"}), Options{}, func(*Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	waitGoroutines(t, before)
}

// TestNoGoroutinesLeft stops in the middle of large layers.
func TestNoGoroutinesLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	plain, err := io.ReadAll(zeros(20, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	for _, data := range [][]byte{compresstest.Gzip(t, plain), compresstest.Zstd(t, plain)} {
		err := Flatten(context.Background(), []Blob{blob(data)}, Options{}, func(*Entry) error { return stop })
		if err != stop {
			t.Error(err)
		}
	}
	waitGoroutines(t, before)
}

func waitGoroutines(t *testing.T, want int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left of %d", runtime.NumGoroutine(), want)
}

// TestChangedLayer gives other bytes the second time.
func TestChangedLayer(t *testing.T) {
	large, err := io.ReadAll(zeros(1, 40<<20))
	if err != nil {
		t.Fatal(err)
	}
	first := append(large[:len(large)-1024:len(large)-1024], archive(t, "file a 1")...)
	for name, second := range map[string][]byte{"shorter": archive(t), "other type": archive(t, "dir dir/file0", "dir a")} {
		n := 0
		layers := []Blob{{Digest: "sha256:abc", Open: func(context.Context) (io.ReadCloser, error) {
			n++
			if n == 1 {
				return io.NopCloser(bytes.NewReader(first)), nil
			}
			return io.NopCloser(bytes.NewReader(second)), nil
		}}}
		if _, err := flatten(t, layers, Options{}); err == nil || !strings.Contains(err.Error(), "before") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
