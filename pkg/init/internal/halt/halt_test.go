package halt

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/reap"
)

func TestUnmountOrder(t *testing.T) {
	const table = `/dev/vda / ext4 ro 0 0
proc /proc proc rw 0 0
tmpfs /var tmpfs rw 0 0
devtmpfs /dev devtmpfs rw 0 0
/dev/sdz /dev/disk ext4 rw 0 0
/dev/sdy /device ext4 rw 0 0
/dev/sda1 /var/lib ext4 rw 0 0
/dev/sdb1 /var/lib/docker\040data xfs rw 0 0
overlay /containers/onboot/000-x/rootfs overlay rw 0 0
server:/x /srv nfs4 rw 0 0
nsfs /run/netns/a nsfs rw 0 0
short line
`
	var got []string
	for _, e := range unmountOrder(parseMounts(table)) {
		got = append(got, e.target)
	}
	want := []string{"/run/netns/a", "/srv", "/containers/onboot/000-x/rootfs", "/var/lib/docker data", "/var/lib", "/device", "/var", "/"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}

func TestRootInMemoryIsLeft(t *testing.T) {
	if got := unmountOrder(parseMounts("rootfs / rootfs ro 0 0\n")); got != nil {
		t.Errorf("order %v", got)
	}
}

func TestParseSwaps(t *testing.T) {
	got := parseSwaps("Filename\t\t\tType\n/dev/sda2                partition\t1\t0\t-2\n/var/swap\\040file file 1 0 -3\n")
	if !reflect.DeepEqual(got, []string{"/dev/sda2", "/var/swap file"}) {
		t.Errorf("swaps %q", got)
	}
}

func FuzzTables(f *testing.F) {
	f.Add(`a /b\040c ext4 rw 0 0`)
	f.Add(`\777 \04 \`)
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parseMounts(text)); n > strings.Count(text, "\n")+1 {
			t.Fatalf("%d mounts in %q", n, text)
		}
		parseSwaps(text)
		alive(text)
		if len(unescape(text)) > len(text) {
			t.Fatalf("unescape made %q longer", text)
		}
	})
}

func TestAlive(t *testing.T) {
	for stat, want := range map[string]bool{
		"7 (sh) S 1 7 7 0 -1 4194304 0":          true,
		"7 (a) Z) S 1 7 7 0 -1 4194304 0":        true,
		"7 (sh) Z 1 7 7 0 -1 4194304 0":          false,
		"2 (kthreadd) S 0 0 0 0 -1 2129984 0":    false,
		"9 (kworker/0:0) I 2 0 0 0 -1 69238880 ": false,
		"7 (sh) S":                               false,
		"":                                       false,
	} {
		if got := alive(stat); got != want {
			t.Errorf("alive(%q) = %v", stat, got)
		}
	}
}

func TestOthersLeft(t *testing.T) {
	proc := t.TempDir()
	for pid, stat := range map[string]string{"1": "1 (init) S 0 1 1 0 -1 4194560", "5": "5 (self) S 1 5 5 0 -1 4194304", "2": "2 (k) S 0 0 0 0 -1 2129984"} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if othersLeft(proc, 5) {
		t.Error("this process, PID 1 or the kernel's counted")
	}
	if !othersLeft(proc, 6) {
		t.Error("a process was not counted")
	}
}

func TestTimeout(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"quiet":                         90 * time.Second,
		"linuxkit.shutdown_timeout=5":   5 * time.Second,
		"linuxkit.shutdown_timeout=0":   0,
		"linuxkit.shutdown_timeout=-1":  90 * time.Second,
		"linuxkit.shutdown_timeout=1e3": 90 * time.Second,
	} {
		if got := Timeout(kcmd.Parse(line)); got != want {
			t.Errorf("Timeout(%q) = %s", line, got)
		}
	}
}

func TestProgramsGetOnlySoLong(t *testing.T) {
	dir := t.TempDir()
	marker := filepath.Join(dir, "ran")
	scripts := map[string]string{
		"1-fails": "#!/bin/sh\nexit 3\n",
		"2-runs":  "#!/bin/sh\n: >" + marker + "\n",
		"3-hangs": "#!/bin/sh\nexec sleep 5 >/dev/null 2>&1 </dev/null\n",
		"4-late":  "#!/bin/sh\n: >" + marker + ".late\n",
	}
	programs := filepath.Join(dir, "shutdown.d")
	if err := os.Mkdir(programs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runPrograms(reap.Start(), programs, 500*time.Millisecond)
	if _, err := os.Stat(marker); err != nil {
		t.Error("a failing program kept the next from running")
	}
	if _, err := os.Stat(marker + ".late"); err == nil {
		t.Error("a program was started after the time was over")
	}
}

func TestNoAction(t *testing.T) {
	if err := Now("noop"); err != nil {
		t.Errorf("Now(noop) = %v", err)
	}
}
