package rtnl

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAnswer(t *testing.T) {
	message := func(kind uint16, seq, code uint32) []byte {
		b := word(unix.SizeofNlMsghdr + 4)
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = append(b, 0, 0)
		return append(append(append(b, word(seq)...), word(0)...), word(code)...)
	}
	notFound := unix.ENODEV
	failure := message(unix.NLMSG_ERROR, 3, -uint32(notFound))
	for name, c := range map[string]struct {
		raw  []byte
		done bool
		err  error
	}{
		"ack":        {message(unix.NLMSG_ERROR, 3, 0), true, nil},
		"error":      {failure, true, unix.ENODEV},
		"of another": {message(unix.NLMSG_ERROR, 2, 0), false, nil},
		"behind one": {append(message(unix.RTM_NEWLINK, 3, 0), failure...), true, unix.ENODEV},
		"nothing":    {nil, false, nil},
	} {
		if done, err := answer(c.raw, 3); done != c.done || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
	if done, err := answer(make([]byte, 16), 3); !done || err == nil {
		t.Error("a message shorter than its header is taken")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = answer(raw, 1) })
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"": false, "eth0": true, "abcdefghijklmno": true, "abcdefghijklmnop": false} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The kernel itself judges the messages.
func TestKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network devices needs root")
	}
	runtime.LockOSThread() // and never unlock: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Create(Link{Name: "a", Kind: "veth", Peer: "b"}); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("the kernel has no veth: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := net.InterfaceByName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Create(Link{Name: "a", Kind: "veth", Peer: "d"}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("the same again: %v", err)
	}
	// The process as a whole lives in another namespace than this thread.
	if err := c.Move("nosuch", os.Getpid()); !errors.Is(err, unix.ENODEV) {
		t.Errorf("move nothing: %v", err)
	}
	if err := c.Move("b", unix.Gettid()); err != nil {
		t.Errorf("move: %v", err)
	}
}
