// Package banner shows the text of /etc/issue on the consoles.
package banner

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Show writes the file to each terminal, which are names in the directory dev.
// What is not a character device is passed over, a missing file is fine.
func Show(issue, dev string, ttys []string) error {
	text, err := os.ReadFile(issue)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed []error
	for _, tty := range ttys {
		failed = append(failed, show(text, filepath.Join(dev, filepath.Base(tty))))
	}
	return errors.Join(failed...)
}

func show(text []byte, path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	// A line without a carrier must hold up neither opening nor writing.
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = f.SetWriteDeadline(time.Now().Add(time.Second))
	_, err = f.Write(text)
	return err
}
