package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// Tests with several processes run this binary again: the environment says
// what it is to do, with which cache.
const (
	roleVariable = "CONTENT_TEST_ROLE"
	dirVariable  = "CONTENT_TEST_DIR"
	idVariable   = "CONTENT_TEST_ID"
)

var roles = map[string]func(ctx context.Context, s *Store, id int) error{
	"churn": churn, "ingest": ingest, "hold": hold,
}

func TestMain(m *testing.M) {
	role := roles[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	s, err := Open(os.Getenv(dirVariable))
	if err == nil {
		id, _ := strconv.Atoi(os.Getenv(idVariable))
		err = role(context.Background(), s, id)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func process(t *testing.T, role string, s *Store, id int) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+s.Dir(), fmt.Sprintf("%s=%d", idVariable, id))
	cmd.Stderr = new(bytes.Buffer)
	return cmd
}

// churn stores, names, reads and removes images, some of them shared with the
// other processes, and leaves one.
func churn(ctx context.Context, s *Store, id int) error {
	for i := range 12 {
		release, err := s.Pin(ctx)
		if err != nil {
			return err
		}
		// Layers are shared by all processes.
		d, err := putImage(ctx, s, bytes.Repeat([]byte{byte(i % 4)}, 50_000))
		if err != nil {
			return err
		}
		ref := fmt.Sprintf("x.io/p%d:%d", id, i)
		for _, name := range []string{ref, fmt.Sprintf("x.io/shared:%d", i%3)} {
			if err := s.Tag(ctx, name, d); err != nil {
				return err
			}
		}
		release()
		if _, err := s.List(ctx); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		if err := s.Delete(ctx, ref); err != nil {
			return err
		}
		if err := s.Delete(ctx, fmt.Sprintf("x.io/shared:%d", rand.IntN(3))); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, err := s.Collect(ctx, 0); err != nil && !errors.Is(err, ErrBusy) {
			return err
		}
	}
	return nil
}

func TestProcesses(t *testing.T) {
	s := newStore(t)
	const n = 6
	cmds := make([]*exec.Cmd, n)
	for i := range cmds {
		cmds[i] = process(t, "churn", s, i)
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, cmd.Stderr)
		}
	}
	left := map[string]bool{}
	for _, e := range checkWhole(t, s) {
		left[e.Ref] = true
	}
	for i := range n {
		if name := fmt.Sprintf("x.io/p%d:0", i); !left[name] {
			t.Errorf("%s was lost", name)
		}
	}
	if files := files(t, s, ingestDir); len(files) != 0 {
		t.Errorf("left in the ingest directory: %q", files)
	}
}

// ingest writes a blob that never ends.
func ingest(ctx context.Context, s *Store, _ int) error {
	w, err := s.Create(ctx)
	if err != nil {
		return err
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		return err
	}
	fmt.Println("writing")
	_, err = io.Copy(w, slow{})
	return err
}

type slow struct{}

func (slow) Read(p []byte) (int, error) {
	time.Sleep(5 * time.Millisecond)
	return len(p), nil
}

// started starts a process and waits for its first output.
func started(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("%v\n%s", err, cmd.Stderr)
	}
}

func TestKilledWhileWriting(t *testing.T) {
	s := copyRecorded(t)
	cmd := process(t, "ingest", s, 0)
	started(t, cmd)
	// The file of a living writer is left alone.
	openStore(t, s.Dir()).removeStale()
	if left := files(t, s, ingestDir); len(left) != 1 {
		t.Errorf("while it is written: %q", left)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if left := files(t, s, ingestDir); len(left) != 1 {
		t.Errorf("after the kill: %q", left)
	}
	before := len(files(t, s, "blobs/sha256"))
	if _, err := s.Put(t.Context(), "", []byte("next")); err != nil {
		t.Fatal(err)
	}
	if left := files(t, s, ingestDir); len(left) != 0 {
		t.Errorf("after the next writer: %q", left)
	}
	if after := len(files(t, s, "blobs/sha256")); after != before+1 {
		t.Errorf("%d blobs instead of %d", after, before+1)
	}
	checkWhole(t, s)
}

// hold keeps the lock of the index.
func hold(ctx context.Context, s *Store, _ int) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Println("locked")
	time.Sleep(time.Hour)
	return nil
}

func TestLockOfAnotherProcess(t *testing.T) {
	s := copyRecorded(t)
	d := mustPutImage(t, s, "layer")
	cmd := process(t, "hold", s, 0)
	started(t, cmd)
	if all := checkWhole(t, s); len(all) != 9 { // readers do not wait
		t.Errorf("%d entries", len(all))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Tag(ctx, "x.io/a:1", d); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Tag while another process holds the lock: %v", err)
	}
	s.Settle(t.Context(), time.Millisecond) // does not wait for ever
	settled := make(chan struct{})
	go func() { s.Settle(t.Context(), time.Hour); close(settled) }()
	done := make(chan error, 1)
	go func() { done <- s.Tag(t.Context(), "x.io/a:1", d) }()
	select {
	case <-settled:
		t.Error("the index has settled while another process holds the lock")
	case <-time.After(100 * time.Millisecond):
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if err := <-done; err != nil {
		t.Errorf("Tag after the holder was killed: %v", err)
	}
	<-settled
}
