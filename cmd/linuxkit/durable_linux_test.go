package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whenever the power fails, what the index of the cache names is there: the
// system calls of a pull and of an import come in an order that ensures it.
func TestPowerLoss(t *testing.T) {
	strace := tracer(t)
	s := newSlowRegistry(t)
	archive := filepath.Join(t.TempDir(), "a.tar")
	recordedCache(t)
	succeed(t, "cache", "export", "conf/app:v1", "--outfile", archive)
	for _, c := range []struct {
		name string
		args []string
		want int // blobs
	}{
		{"pull", []string{"pull", s.ref(0)}, 4},
		{"import", []string{"import", archive}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := filepath.Join(t.TempDir(), "cache")
			trace := filepath.Join(t.TempDir(), "trace")
			cmd := command(t.Context(), t, append([]string{"--cache", cache, "cache"}, c.args...)...)
			runTraced(t, cmd, strace, trace)
			f, err := os.Open(trace)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			o := newOrder(cache)
			for lines := bufio.NewScanner(f); lines.Scan(); {
				o.line(lines.Text())
			}
			if o.blobs < c.want || o.indexes < 2 {
				t.Errorf("%d blobs and %d indexes were seen", o.blobs, o.indexes)
			}
			for _, v := range o.violations {
				t.Error(v)
			}
		})
	}
}

// tracer finds strace where it can be used.
func tracer(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace; Debian has it in the package of that name")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("processes cannot be traced here: %v: %s", err, out)
	}
	return strace
}

// runTraced lets a command run under strace.
func runTraced(t *testing.T, cmd *exec.Cmd, strace, trace string) {
	t.Helper()
	// The name of the program tells the test binary what it is to be.
	program := filepath.Join(t.TempDir(), "linuxkit")
	if err := os.Symlink(cmd.Path, program); err != nil {
		t.Fatal(err)
	}
	cmd.Path = strace
	cmd.Args = append([]string{strace, "-f", "-y", "-s", "4096", "-e", "signal=none", "-e", "trace=" + tracedCalls, "-o", trace, program}, cmd.Args[1:]...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, cmd.Stderr)
	}
}

const tracedCalls = "write,pwrite64,ftruncate,fallocate,copy_file_range,fsync,fdatasync,?mkdir,mkdirat,?rename,renameat,renameat2,?link,linkat"

// order follows the system calls of all threads of a process. A call that
// syncs counts from its end, any other from its beginning.
type order struct {
	cache      string
	synced     map[string]bool // files whose content is durable
	unsynced   map[string]bool // directories of blobs with names that are not
	began      map[string]string
	blobs      int
	indexes    int
	violations []string
}

func newOrder(cache string) *order {
	return &order{cache: cache, synced: map[string]bool{}, unsynced: map[string]bool{}, began: map[string]string{}}
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>.* = (-?\d+)`)
	callResult  = regexp.MustCompile(`\) += (-?\d+)`)
	callFile    = regexp.MustCompile(`^\d+<([^>]*)>`)
	callPaths   = regexp.MustCompile(`"([^"]*)"`)
)

func (o *order) line(text string) {
	if m := resumedLine.FindStringSubmatch(text); m != nil {
		if file := o.began[m[1]]; file != "" && m[2] == "0" {
			o.sync(file)
		}
		delete(o.began, m[1])
		return
	}
	m := callLine.FindStringSubmatch(text)
	if m == nil {
		return
	}
	if result := callResult.FindStringSubmatch(text); result != nil && strings.HasPrefix(result[1], "-") {
		return
	}
	o.call(m[1], m[2], m[3], strings.HasSuffix(text, "<unfinished ...>"))
}

func (o *order) call(thread, name, args string, unfinished bool) {
	file, paths := "", []string{}
	if m := callFile.FindStringSubmatch(args); m != nil {
		file = m[1]
	}
	for _, p := range callPaths.FindAllStringSubmatch(args, -1) {
		paths = append(paths, p[1])
	}
	switch {
	case name == "fsync" || name == "fdatasync":
		if unfinished {
			o.began[thread] = file
			return
		}
		o.sync(file)
	case strings.HasPrefix(name, "mkdir") && len(paths) == 1:
		o.named(paths[0])
	case (strings.HasPrefix(name, "rename") || strings.HasPrefix(name, "link")) && len(paths) == 2:
		o.rename(paths[0], paths[1])
	default:
		delete(o.synced, file)
	}
}

func (o *order) sync(file string) {
	o.synced[file] = true
	delete(o.unsynced, file)
}

// named notes a new name that belongs to the blobs.
func (o *order) named(path string) bool {
	blobs := filepath.Join(o.cache, "blobs")
	if path != blobs && !strings.HasPrefix(path, blobs+"/") {
		return false
	}
	o.unsynced[filepath.Dir(path)] = true
	return true
}

func (o *order) rename(from, to string) {
	index := to == filepath.Join(o.cache, "index.json")
	blob := o.named(to)
	if (blob || index) && !o.synced[from] {
		o.violations = append(o.violations, fmt.Sprintf("%s became %s before its content was durable", from, to))
	}
	if blob {
		o.blobs++
	}
	if index {
		o.indexes++
		for dir := range o.unsynced {
			o.violations = append(o.violations, fmt.Sprintf("%s was written before the names in %s were durable", to, dir))
		}
	}
}

// The test would notice a wrong order.
func TestPowerLossNotices(t *testing.T) {
	const (
		mkdir   = `7 mkdirat(AT_FDCWD</>, "/c/blobs/sha256", 0755) = 0`
		write   = `7 write(5</c/ingest/new-A>, "x", 1) = 1`
		fsync   = `7 fsync(5</c/ingest/new-A>) = 0`
		begin   = `7 fsync(5</c/ingest/new-A> <unfinished ...>`
		end     = `7 <... fsync resumed>) = 0`
		failed  = `7 fsync(5</c/ingest/new-A>) = -1 EIO (Input/output error)`
		publish = `8 renameat(AT_FDCWD</>, "/c/ingest/new-A", AT_FDCWD</>, "/c/blobs/sha256/a" <unfinished ...>`
		dir     = `8 fsync(6</c/blobs/sha256>) = 0`
		parent  = `8 fsync(6</c/blobs>) = 0`
		written = `7 fsync(9</c/ingest/new-I>) = 0`
		index   = `7 rename("/c/ingest/new-I", "/c/index.json") = 0`
	)
	for _, c := range []struct {
		name  string
		lines []string
		bad   int
	}{
		{"right", []string{mkdir, write, fsync, publish, dir, parent, written, index}, 0},
		{"right, overlapping", []string{mkdir, write, begin, end, publish, dir, parent, written, index}, 0},
		{"blob not synced", []string{write, publish, dir, written, index}, 1},
		{"blob not synced in time", []string{write, begin, publish, end, dir, written, index}, 1},
		{"sync failed", []string{write, failed, publish, dir, written, index}, 1},
		{"written after the sync", []string{fsync, write, publish, dir, written, index}, 1},
		{"directory not synced", []string{write, fsync, publish, written, index, dir}, 1},
		{"parent not synced", []string{mkdir, write, fsync, publish, dir, written, index}, 1},
		{"index not synced", []string{write, fsync, publish, dir, index, written}, 1},
	} {
		o := newOrder("/c")
		for _, l := range c.lines {
			o.line(l)
		}
		if slices.Sort(o.violations); len(o.violations) != c.bad {
			t.Errorf("%s: %q", c.name, o.violations)
		}
	}
}
