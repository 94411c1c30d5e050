package grpc

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scripted answers every connection with fixed bytes.
func scripted(t *testing.T, answer []byte) *Conn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(answer)
			_ = c.(*net.UnixConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// block is a header block without Huffman coding and tables.
func block(pairs ...string) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, 0)
		for _, s := range pairs[i : i+2] {
			b = append(append(b, byte(len(s))), s...)
		}
	}
	return b
}

func data(message string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(b, message...)
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func TestCall(t *testing.T) {
	settings := appendFrame(nil, frameSettings, 0, 0, setting(nil, settingWindow, 70000))
	ping := appendFrame(nil, framePing, 0, 0, make([]byte, 8))
	head := appendFrame(nil, frameHeaders, flagEndHeaders, 1, block(":status", "200", "content-type", "application/grpc"))
	trailer := appendFrame(nil, frameHeaders, flagEndHeaders|flagEndStream, 1, block("grpc-status", "0"))
	refused := appendFrame(nil, frameHeaders, flagEndHeaders|flagEndStream, 1, block(":status", "200", "grpc-status", "5", "grpc-message", "50%25 gone%20away"))
	padded := appendFrame(nil, frameData, flagPadded, 1, append(append([]byte{3}, data("hello")...), 0, 0, 0))
	long := block("grpc-status", "0", "filler", strings.Repeat("x", 100))
	for name, c := range map[string]struct {
		answer []byte
		want   string
		err    string
	}{
		"plain":            {join(settings, ping, head, appendFrame(nil, frameData, 0, 1, data("hello")), trailer), "hello", ""},
		"empty":            {join(settings, head, appendFrame(nil, frameData, 0, 1, data("")), trailer), "", ""},
		"in pieces":        {join(settings, head, appendFrame(nil, frameData, 0, 1, data("hello")[:3]), ping, appendFrame(nil, frameData, 0, 1, data("hello")[3:]), trailer), "hello", ""},
		"padded":           {join(settings, head, padded, trailer), "hello", ""},
		"continued":        {join(settings, head, appendFrame(nil, frameData, 0, 1, data("hello")), appendFrame(nil, frameHeaders, flagEndStream, 1, long[:20]), appendFrame(nil, frameContinuation, flagEndHeaders, 1, long[20:])), "hello", ""},
		"other stream":     {join(settings, appendFrame(nil, frameData, 0, 7, data("other")), head, appendFrame(nil, frameData, 0, 1, data("hello")), trailer), "hello", ""},
		"refused":          {join(settings, refused), "", "50% gone away"},
		"reset":            {join(settings, appendFrame(nil, frameReset, 0, 1, make([]byte, 4))), "", "reset"},
		"goaway":           {join(settings, appendFrame(nil, frameGoAway, 0, 0, make([]byte, 8))), "", "closes"},
		"http error":       {join(settings, appendFrame(nil, frameHeaders, flagEndHeaders|flagEndStream, 1, block(":status", "503"))), "", "503"},
		"no status":        {join(settings, head, appendFrame(nil, frameData, flagEndStream, 1, data("hello"))), "", "without a status"},
		"no message":       {join(settings, head, trailer), "", "without a message"},
		"short message":    {join(settings, head, appendFrame(nil, frameData, 0, 1, data("hello")[:7]), trailer), "", "holds 2"},
		"compressed":       {join(settings, head, appendFrame(nil, frameData, 0, 1, append([]byte{1}, data("x")[1:]...)), trailer), "", "compressed"},
		"bad padding":      {join(settings, head, appendFrame(nil, frameData, flagPadded, 1, []byte{200, 1}), trailer), "", "EOF"},
		"bad status":       {join(settings, appendFrame(nil, frameHeaders, flagEndHeaders|flagEndStream, 1, block("grpc-status", "x"))), "", "no number"},
		"bad headers":      {join(settings, appendFrame(nil, frameHeaders, flagEndHeaders, 1, []byte{0xff, 0xff})), "", "decoding"},
		"huge frame":       {[]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1}, "", "more than allowed"},
		"hang up":          {settings, "", "EOF"},
		"hang up in frame": {settings[:11], "", "EOF"},
		"no http2":         {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "", "more than allowed"},
	} {
		answer, err := scripted(t, c.answer).Call("/a.B/C", []Header{{"key", "value"}}, []byte("request"), time.Minute)
		if c.err == "" && (err != nil || string(answer) != c.want) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		if Is(err, NotFound) != (name == "refused") {
			t.Errorf("%s: status of %v", name, err)
		}
	}
}

func TestDialNobody(t *testing.T) {
	if _, err := Dial(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("connected to nobody")
	}
}

// FuzzReceive feeds an exchange with whatever a server may send.
func FuzzReceive(f *testing.F) {
	f.Add(join(appendFrame(nil, frameSettings, 0, 0, setting(nil, settingWindow, 1)), appendFrame(nil, frameHeaders, flagEndHeaders|flagPadded|flagPriority, 1, block(":status", "200"))))
	f.Add(appendFrame(nil, frameData, flagEndStream, 1, data("x")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 4096 {
			return
		}
		c := scripted(t, raw)
		if answer, err := c.Call("/a.B/C", nil, nil, time.Minute); err == nil && len(answer) > len(raw) {
			t.Fatal("answer is longer than what was sent")
		}
	})
}
