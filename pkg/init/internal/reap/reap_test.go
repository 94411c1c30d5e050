package reap

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain lets the test binary play the children.
func TestMain(m *testing.M) {
	switch os.Getenv("REAP_TEST") {
	case "exit7":
		os.Exit(7)
	case "wait":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		<-c
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestRunWhileReaping(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := Start()
	t.Setenv("REAP_TEST", "exit7")
	for range 20 {
		// A child that nobody waits for comes between.
		if _, err := syscall.ForkExec(self, []string{self}, &syscall.ProcAttr{Env: os.Environ()}); err != nil {
			t.Fatal(err)
		}
		status, err := r.Run(self, []string{self})
		if err != nil {
			t.Fatal(err)
		}
		if status.ExitStatus() != 7 {
			t.Fatalf("status %d, want 7", status.ExitStatus())
		}
	}
	if _, err := r.Run("/does/not/exist", nil); err == nil {
		t.Fatal("a missing program was started")
	}
	t.Setenv("REAP_TEST", "wait")
	pid, done, err := r.Spawn(self, []string{self})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if status := <-done; !status.Signaled() {
		t.Errorf("status %v, want a signal", status)
	}
	r.WaitAll()
}
