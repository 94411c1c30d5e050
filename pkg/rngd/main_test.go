package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
)

func TestPoolInfo(t *testing.T) {
	info := poolInfo([]byte{1, 2, 3})
	if bits := binary.NativeEndian.Uint32(info); bits != 24 {
		t.Errorf("%d bits credited, want 24", bits)
	}
	if size := binary.NativeEndian.Uint32(info[4:]); size != 3 {
		t.Errorf("%d bytes announced, want 3", size)
	}
	if !bytes.Equal(info[8:], []byte{1, 2, 3}) {
		t.Errorf("data is %v", info[8:])
	}
}

func TestCPUSource(t *testing.T) {
	for _, noRdseed := range []bool{false, true} {
		r := cpuSource(noRdseed, false)
		if r == nil {
			t.Log("this processor has no instruction for random numbers")
			continue
		}
		var a, b [13]byte
		for _, p := range [][]byte{a[:], b[:]} {
			if _, err := io.ReadFull(r, p); err != nil {
				t.Fatal(err)
			}
		}
		if a == b {
			t.Errorf("the same bytes twice: %v", a)
		}
	}
	if r := cpuSource(true, true); r != nil {
		t.Error("a source although all are disabled")
	}
}

func TestFeedReady(t *testing.T) {
	if written, err := feed(false, false); err != nil || written != 0 {
		t.Errorf("feed of a kernel that is ready: %d, %v", written, err)
	}
}
