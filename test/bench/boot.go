package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/linuxkit/linuxkit/internal/vm"
	"github.com/linuxkit/linuxkit/internal/vm/qemu"
)

// patience is how long an emulated machine may take.
const patience = 3 * time.Minute

// benchBoot counts guest instructions: probes before all other onboot
// containers and services print the counter. The bar is for amd64.
func benchBoot(ctx context.Context, table *tabwriter.Writer) error {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	if _, err := run(ctx, nil, "-q", "build", "--no-sbom", "--dir", dir, "--name", "count", "test/bench/count.yml", system); err != nil {
		return err
	}
	var console recorder
	err := boot(ctx, "count", 512, &console, []string{"-icount", "shift=0,sleep=off"}, func() bool {
		return counted.Match(console.bytes("service"))
	})
	if err != nil {
		return fmt.Errorf("%w; the console:\n%s", err, console.bytes(""))
	}
	for _, c := range []struct{ event, what, bar string }{
		{"onboot", "guest instructions to the end of the first onboot container", "≤ 4.0 G"},
		{"service", "guest instructions to the start of the first service", ""},
	} {
		m := counted.FindSubmatch(console.bytes(c.event))
		if m == nil {
			return fmt.Errorf("the console does not show the count of %s:\n%s", c.event, console.bytes(""))
		}
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return err
		}
		row(table, c.what, fmt.Sprintf("%.2f G", n/1e9), c.bar)
	}
	return nil
}

// counted is how the probe prints its counter, after the name of the event.
var counted = regexp.MustCompile(`^ (\d+)\s`)

// benchMemory looks for the smallest machine that answers.
func benchMemory(ctx context.Context, table *tabwriter.Writer) error {
	smallest := 0
	for _, mb := range []int{320, 288, 256, 224, 192, 176, 160, 144, 128} {
		if err := serves(ctx, mb); err != nil {
			break
		}
		smallest = mb
	}
	if smallest == 0 {
		return errors.New("the system does not serve with 320 MB")
	}
	row(table, "smallest memory it boots and serves with", fmt.Sprintf("%d MB", smallest), "≤ 320 MB")
	return nil
}

// serves boots the default system and asks it for a page.
func serves(ctx context.Context, mb int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	publish, err := vm.ParsePublish(fmt.Sprintf("127.0.0.1:%d:80", port))
	if err != nil {
		return err
	}
	return boot(ctx, "first", mb, io.Discard, nil, func() bool { return answers(ctx, port) }, publish)
}

func answers(ctx context.Context, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", port), nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// boot runs the system of that name until done says so.
func boot(ctx context.Context, name string, mb int, console io.Writer, args []string, done func() bool, publish ...vm.Publish) error {
	image, err := vm.Detect(filepath.Join(dir, name), vm.BootKernel)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	force := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		c := qemu.Config{Image: image, Accel: "tcg", MemMB: mb, Args: args, Publish: publish}
		ended <- qemu.Run(ctx, c, qemu.Stdio{Out: console, Err: console, Force: force})
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return errors.Join(errors.New("the machine ended"), err)
		case <-tick.C:
		}
		if done() {
			cancel()
			close(force)
			<-ended
			return nil
		}
	}
}

// recorder keeps what a machine prints.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

// bytes returns what follows the count of an event, or all for none.
func (r *recorder) bytes(event string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := bytes.Clone(r.buf.Bytes())
	if event == "" {
		return all
	}
	_, after, _ := bytes.Cut(all, []byte("instructions "+event))
	return after
}
