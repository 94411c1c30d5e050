package linuximage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

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
	zst := compresstest.Zstd(t, kernel)
	xzd := compresstest.With(t, kernel, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	lz := compresstest.With(t, kernel, func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil })
	for name, img := range map[string][]byte{
		"plain":        kernel,
		"gzip":         compresstest.Gzip(t, kernel),
		"bzImage gzip": bzImage(compresstest.Gzip(t, kernel)),
		"zboot gzip":   zboot(compresstest.Gzip(t, kernel)),
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
	img := bzImage(compresstest.Gzip(t, []byte("x")))
	binary.LittleEndian.PutUint32(img[payloadLength:], 1<<20)
	if _, err := Payload(bytes.NewReader(img), int64(len(img))); !errors.Is(err, ErrFormat) {
		t.Errorf("error %v, want ErrFormat", err)
	}
}

func TestConfig(t *testing.T) {
	want := "CONFIG_RD_ZSTD=y\n"
	for _, before := range []int{0, 7, 1<<20 - 4, 3 << 20} {
		kernel := append(make([]byte, before), configStart...)
		kernel = append(kernel, compresstest.Gzip(t, []byte(want))...)
		kernel = append(kernel, "IKCFG_ED"...)
		img := bzImage(compresstest.Gzip(t, kernel))
		got, err := Config(bytes.NewReader(img), int64(len(img)))
		if err != nil || string(got) != want {
			t.Errorf("configuration after %d bytes: %q, %v", before, got, err)
		}
	}
}

func TestConfigAbsent(t *testing.T) {
	img := bzImage(compresstest.Gzip(t, make([]byte, 3<<20)))
	if _, err := Config(bytes.NewReader(img), int64(len(img))); !errors.Is(err, ErrNoConfig) {
		t.Errorf("error %v, want ErrNoConfig", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("kernel"))
	f.Add(bzImage(compresstest.Gzip(f, []byte("IKCFG_ST"))))
	f.Add(zboot([]byte("\xfd7zXZ\x00")))
	f.Fuzz(func(t *testing.T, img []byte) {
		config, err := Config(bytes.NewReader(img), int64(len(img)))
		if err == nil && len(config) > maxConfig {
			t.Errorf("configuration of %d bytes", len(config))
		}
	})
}
