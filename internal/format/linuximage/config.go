package linuximage

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

const (
	configStart = "IKCFG_ST"
	maxConfig   = 4 << 20
)

// Config returns the build configuration that a kernel built with
// CONFIG_IKCONFIG carries, or an error wrapping [ErrNoConfig].
func Config(r io.ReaderAt, size int64) ([]byte, error) {
	kernel, err := Payload(r, size)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(kernel, 1<<20)
	if err := skipTo(br, []byte(configStart)); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	z.Multistream(false)
	config, err := io.ReadAll(io.LimitReader(z, maxConfig))
	if err != nil {
		return nil, fmt.Errorf("read the configuration in the kernel: %w", err)
	}
	return config, nil
}

// skipTo reads up to and including the first marker.
func skipTo(r *bufio.Reader, marker []byte) error {
	for {
		window, err := r.Peek(r.Size())
		if i := bytes.Index(window, marker); i >= 0 {
			_, err := r.Discard(i + len(marker))
			return err
		}
		if len(window) >= len(marker) {
			if _, err := r.Discard(len(window) - len(marker) + 1); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return ErrNoConfig
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoConfig, err)
		}
	}
}
