package qemu

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// panicMark is the last thing that a Linux kernel says when it has panicked
// and will not reboot by itself (panic=0).
const panicMark = "---[ end Kernel panic - not syncing: "

// maxLine bounds what is kept of a line.
const maxLine = 4096

// watcher passes a stream on and looks at its lines.
type watcher struct {
	w    io.Writer
	line func(string)

	mu  sync.Mutex
	buf []byte
}

// Write passes p on as it is.
func (t *watcher) Write(p []byte) (int, error) {
	t.scan(p)
	return t.w.Write(p)
}

func (t *watcher) scan(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		t.keep(p[:i])
		t.line(strings.TrimRight(string(t.buf), "\r"))
		t.buf, p = t.buf[:0], p[i+1:]
	}
	t.keep(p)
}

func (t *watcher) keep(p []byte) {
	t.buf = append(t.buf, p[:min(len(p), maxLine-len(t.buf))]...)
}

// panicReason finds the reason of a panic in a line of the console.
func panicReason(line string) (string, bool) {
	_, reason, found := strings.Cut(line, panicMark)
	return strings.TrimSuffix(strings.TrimSpace(reason), " ]---"), found
}
