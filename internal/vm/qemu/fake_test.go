package qemu

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary, started again under the name of a program that the package
// starts, behaves like it. FAKE says how.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); {
	case strings.HasPrefix(name, "qemu-system-"):
		os.Exit(fakeQEMU(os.Getenv("FAKE")))
	case name == "qemu-img":
		os.Exit(fakeImageTool())
	case name == "virtiofsd":
		fakeVirtiofsd()
	}
	os.Exit(m.Run())
}

func fakeQEMU(how string) int {
	os.WriteFile(os.Getenv("FAKE_LOG"), []byte(strings.Join(os.Args[1:], "\n")), 0o644)
	signal.Ignore(os.Interrupt)
	q := &fake{how: how, in: os.NewFile(3, "qmp")}
	fmt.Fprintln(q.in, `{"QMP": {"version": {}, "capabilities": []}}`)
	switch how {
	case "crash":
		fmt.Fprintln(os.Stderr, "qemu-system-x86_64: -machine: no such thing")
		return 1
	case "poweroff":
		q.tell("SHUTDOWN", "guest-shutdown")
		return 0
	case "signalled":
		q.tell("SHUTDOWN", "host-signal")
		return 0
	case "killed":
		self, _ := os.FindProcess(os.Getpid())
		self.Kill()
	case "echo":
		io.Copy(os.Stdout, os.Stdin)
		return 0
	case "panic":
		fmt.Println("[    1.0] ---[ end Kernel panic - not syncing: no init ]---")
	case "panicked":
		q.tell("GUEST_PANICKED", "")
	}
	fmt.Println("READY")
	return q.serve()
}

// fake is a QEMU whose guest runs until it is told to end.
type fake struct {
	how string
	in  *os.File
}

func (q *fake) tell(event, reason string) {
	fmt.Fprintf(q.in, `{"event": %q, "data": {"guest": true, "reason": %q}, "timestamp": {}}`+"\n", event, reason)
}

// serve answers commands. The keys end a guest that is not deaf, as long as
// its reset has been made the end; a frozen one does not even answer.
func (q *fake) serve() int {
	var armed bool
	for s := bufio.NewScanner(q.in); s.Scan(); {
		var c struct{ Execute string }
		json.Unmarshal(s.Bytes(), &c)
		if q.how == "frozen" {
			continue
		}
		fmt.Fprintln(q.in, `{"return": {}}`)
		switch c.Execute {
		case "set-action":
			armed = true
		case "send-key":
			if armed && q.how != "deaf" {
				q.tell("SHUTDOWN", "guest-reset")
				return 0
			}
		case "quit":
			return 0
		}
	}
	time.Sleep(time.Minute)
	return 3
}

func fakeImageTool() int {
	os.WriteFile(os.Getenv("FAKE_LOG")+".img", []byte(strings.Join(os.Args[1:], " ")), 0o644)
	if os.Getenv("FAKE") == "crash" {
		fmt.Fprintln(os.Stderr, "no space")
		return 1
	}
	return 0
}

func fakeVirtiofsd() {
	if len(os.Args) == 2 {
		fmt.Println("  --shared-dir <dir>")
		os.Exit(0)
	}
	os.WriteFile(os.Getenv("FAKE_LOG")+".fs", []byte(strings.Join(os.Args[1:], " ")), 0o644)
	if os.Getenv("FAKE") == "crash" {
		os.Exit(1)
	}
	socket, _ := strings.CutPrefix(os.Args[1], "--socket-path=")
	l, err := net.Listen("unix", socket)
	if err != nil {
		os.Exit(2)
	}
	l.Accept()
}
