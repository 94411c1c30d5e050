package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/progress"
)

func TestReporterLines(t *testing.T) {
	for _, c := range []struct {
		name       string
		app        app
		structured bool
		want, not  []string
	}{
		{"plain", app{verbose: 1}, false, []string{"hello\n", "warning: careful\n", "layer: 1.5 kB in"}, []string{"detail"}},
		{"quiet", app{verbose: 1, quiet: true}, false, []string{"warning: careful\n"}, []string{"hello", "layer"}},
		{"structured", app{verbose: 2}, true, []string{"level=info msg=hello", "level=debug msg=detail", "level=warning"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var buf bytes.Buffer
			c.app.stderr = &buf
			r := newReporter(&c.app, c.structured)
			r.Message(progress.Info, "hello")
			r.Message(progress.Warn, "careful")
			r.Message(progress.Debug, "detail")
			task := r.Task("layer", 1500)
			task.Add(1500)
			task.Done(nil)
			r.Task("broken", 10).Done(errors.New("cut off"))
			for _, text := range c.want {
				if !strings.Contains(buf.String(), text) {
					t.Errorf("no %q in:\n%s", text, &buf)
				}
			}
			for _, text := range append(c.not, "broken") {
				if strings.Contains(buf.String(), text) {
					t.Errorf("%q in:\n%s", text, &buf)
				}
			}
		})
	}
}

func TestBars(t *testing.T) {
	var buf bytes.Buffer
	r := &reporter{w: &buf, level: progress.Info}
	r.bars = &bars{w: &buf, width: func() int { return 60 }}
	first := r.Task("first", 100)
	first.Add(50)
	r.Message(progress.Info, "a line above")
	if want := "a line above\n[==========          ] first  50 B of 100 B\n"; !strings.HasSuffix(buf.String(), want) {
		t.Errorf("the terminal shows %q, want %q at its end", buf.String(), want)
	}
	first.Done(nil)
	if !strings.Contains(buf.String(), "first: 50 B in") {
		t.Errorf("the end of the task is not shown: %q", &buf)
	}
	if r.bars.drawn != 0 {
		t.Errorf("%d bars are left", r.bars.drawn)
	}
}

// On a terminal of 80 columns there is room for the numbers beside a digest.
func TestBarOfBlob(t *testing.T) {
	var buf bytes.Buffer
	r := &reporter{w: &buf, level: progress.Info}
	r.bars = &bars{w: &buf, width: func() int { return 80 }}
	blob := r.Task("pull sha256:"+strings.Repeat("0123456789abcdef", 4), 100_000_000)
	blob.Add(25_000_000)
	r.Message(progress.Info, "")
	if want := "[=====               ] pull sha256:0123456789ab  25.0 MB of 100.0 MB\n"; !strings.HasSuffix(buf.String(), want) {
		t.Errorf("the terminal shows %q, want %q at its end", buf.String(), want)
	}
}

func TestBarWidth(t *testing.T) {
	long := &task{name: strings.Repeat("x", 200), total: 1 << 40, done: 1 << 41}
	if got := bar(long, 40); len(got) != 39 || strings.Contains(got, " ]") {
		t.Errorf("bar is %q", got)
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 2_500_000: "2.5 MB", 1 << 62: "4.6 EB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
