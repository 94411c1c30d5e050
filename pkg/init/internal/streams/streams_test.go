package streams

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFiles(t *testing.T) {
	base := t.TempDir()
	log := files{dir: filepath.Join(base, "run/log/onboot"), link: filepath.Join(base, "var/log/onboot")}
	for _, text := range []string{"first time, longer\n", "second\n"} {
		f, err := log.Open("onboot.000-x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	var shown bytes.Buffer
	if err := log.Dump("onboot.000-x", &shown); err != nil || shown.String() != "second\n" {
		t.Errorf("dump: %q, %v", shown.String(), err)
	}
	if err := log.Dump("nosuch", &shown); err == nil {
		t.Error("a log that is not there is dumped")
	}
	for range 2 { // the second time the link is there
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(log.link, "onboot.000-x.log")); err != nil || string(raw) != "second\n" {
		t.Errorf("through the link: %q, %v", raw, err)
	}
	path, err := log.Path("../../evil")
	if err != nil || filepath.Dir(path) != log.dir {
		t.Errorf("a name leads to %s, %v", path, err)
	}
}

func TestFilesWithoutPlace(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	log := files{dir: blocked}
	if path, err := log.Path("x"); path != os.DevNull || err == nil {
		t.Errorf("%s, %v", path, err)
	}
	if err := (files{dir: filepath.Join(filepath.Dir(blocked), "none"), link: blocked + "2"}).Close(); err != nil {
		t.Errorf("nothing was logged: %v", err)
	}
}

// memlogd is the other side of the protocol: it reads names and descriptors,
// and answers queries.
type memlogd struct {
	socket  *net.UnixConn
	query   net.Listener
	entries []map[string]string
}

func startMemlogd(t *testing.T) (*memlogd, daemon) {
	t.Helper()
	dir := t.TempDir()
	d := daemon{socket: filepath.Join(dir, "log"), query: filepath.Join(dir, "query"), fifos: dir}
	s, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: d.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	q, err := net.Listen("unix", d.query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = s.Close(), q.Close() })
	return &memlogd{socket: s, query: q}, d
}

// receive takes one descriptor and its name.
func (m *memlogd) receive(t *testing.T) (string, *os.File) {
	t.Helper()
	name, oob := make([]byte, 512), make([]byte, 128)
	n, on, _, _, err := m.socket.ReadMsgUnix(name, oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:on])
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatal(fds, err)
	}
	return string(name[:n]), os.NewFile(uintptr(fds[0]), string(name[:n]))
}

func (m *memlogd) answer() {
	c, err := m.query.Accept()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	mode := make([]byte, 1)
	if _, err := io.ReadFull(c, mode); err != nil || mode[0] != 0 {
		return
	}
	for _, e := range m.entries {
		_ = json.NewEncoder(c).Encode(e)
	}
}

func TestDaemon(t *testing.T) {
	m, log := startMemlogd(t)
	f, err := log.Open("onboot.000-x.out")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	name, reader := m.receive(t)
	raw, err := io.ReadAll(reader)
	if name != "onboot.000-x.out" || string(raw) != "hello\n" || err != nil {
		t.Errorf("%s: %q, %v", name, raw, err)
	}
	m.entries = []map[string]string{
		{"time": "2026-01-01T00:00:00.5Z", "source": "memlogd", "msg": "memlogd started"},
		{"time": "2026-01-01T00:00:01Z", "source": name, "msg": "one; <two>"},
		{"time": "2026-01-01T00:00:02Z", "source": name, "msg": "three\n"},
	}
	go m.answer()
	var shown bytes.Buffer
	if err := log.Dump(name, &shown); err != nil || shown.String() != "one; <two>\nthree\n" {
		t.Errorf("dump: %q, %v", shown.String(), err)
	}
}

func TestDaemonFIFO(t *testing.T) {
	m, log := startMemlogd(t)
	for range 2 { // made anew each time
		path, err := log.Path("nginx.out")
		if err != nil {
			t.Fatal(err)
		}
		name, reader := m.receive(t)
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString("served\n"); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		got := make([]byte, 7)
		if _, err := io.ReadFull(reader, got); err != nil || string(got) != "served\n" || name != "nginx.out" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		_ = reader.Close()
	}
	if _, err := log.Open(strings.Repeat("x", 600)); err == nil {
		t.Error("a name that the daemon cannot read is sent")
	}
}

func FuzzPick(f *testing.F) {
	f.Add(`{"time":"2026-01-01T00:00:00Z","source":"a","msg":"x"}` + "\n")
	f.Fuzz(func(_ *testing.T, dump string) { _ = pick(strings.NewReader(dump), "a", io.Discard) })
}
