package linuximage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

func gzipped(t testing.TB, data []byte) []byte {
	return compressed(t, data, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func compressed(t testing.TB, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := open(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// bzImage wraps a payload as x86 boot code does.
func bzImage(payload []byte) []byte {
	const setup = 2
	img := make([]byte, (setup+1)*512)
	img[setupSectorsOffset] = setup
	binary.LittleEndian.PutUint16(img[bootFlagOffset:], 0xaa55)
	copy(img[headerMagicOffset:], "HdrS")
	binary.LittleEndian.PutUint32(img[payloadOffset:], 16)
	binary.LittleEndian.PutUint32(img[payloadLength:], uint32(len(payload)+4))
	img = append(img, make([]byte, 16)...)
	img = append(img, payload...)
	return append(img, 1, 2, 3, 4)
}

func zboot(payload []byte) []byte {
	img := make([]byte, 64)
	copy(img, "MZ\x00\x00zimg")
	binary.LittleEndian.PutUint32(img[8:], 64)
	binary.LittleEndian.PutUint32(img[12:], uint32(len(payload)))
	return append(img, payload...)
}

func TestPayload(t *testing.T) {
	kernel := bytes.Repeat([]byte("kernel text "), 1000)
	zst := compressed(t, kernel, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	xzd := compressed(t, kernel, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	lz := compressed(t, kernel, func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil })
	for name, img := range map[string][]byte{
		"plain":        kernel,
		"gzip":         gzipped(t, kernel),
		"bzImage gzip": bzImage(gzipped(t, kernel)),
		"zboot gzip":   zboot(gzipped(t, kernel)),
		"zboot zstd":   zboot(zst),
		"zstd":         zst,
		"xz":           xzd,
		"lz4":          lz,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Payload(bytes.NewReader(img), int64(len(img)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, kernel) {
				t.Errorf("got %d bytes, want %d", len(got), len(kernel))
			}
		})
	}
}

func TestPayloadOutside(t *testing.T) {
	img := bzImage(gzipped(t, []byte("x")))
	binary.LittleEndian.PutUint32(img[payloadLength:], 1<<20)
	if _, err := Payload(bytes.NewReader(img), int64(len(img))); !errors.Is(err, ErrFormat) {
		t.Errorf("error %v, want ErrFormat", err)
	}
}

func TestConfig(t *testing.T) {
	want := "CONFIG_RD_ZSTD=y\n"
	for _, before := range []int{0, 7, 1<<20 - 4, 3 << 20} {
		kernel := append(make([]byte, before), configStart...)
		kernel = append(kernel, gzipped(t, []byte(want))...)
		kernel = append(kernel, "IKCFG_ED"...)
		img := bzImage(gzipped(t, kernel))
		got, err := Config(bytes.NewReader(img), int64(len(img)))
		if err != nil || string(got) != want {
			t.Errorf("configuration after %d bytes: %q, %v", before, got, err)
		}
	}
}

func TestConfigAbsent(t *testing.T) {
	img := bzImage(gzipped(t, make([]byte, 3<<20)))
	if _, err := Config(bytes.NewReader(img), int64(len(img))); !errors.Is(err, ErrNoConfig) {
		t.Errorf("error %v, want ErrNoConfig", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("kernel"))
	f.Add(bzImage(gzipped(f, []byte("IKCFG_ST"))))
	f.Add(zboot([]byte("\xfd7zXZ\x00")))
	f.Fuzz(func(t *testing.T, img []byte) {
		config, err := Config(bytes.NewReader(img), int64(len(img)))
		if err == nil && len(config) > maxConfig {
			t.Errorf("configuration of %d bytes", len(config))
		}
	})
}
