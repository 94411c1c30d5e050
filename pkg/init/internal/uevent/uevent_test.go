package uevent

import "testing"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, message string
		want          Event
		ok            bool
	}{
		{"device", "add@/devices/pci0/x\x00ACTION=add\x00DEVPATH=/devices/pci0/x\x00SUBSYSTEM=virtio\x00MODALIAS=virtio:d00000001v00001AF4\x00SEQNUM=7\x00",
			Event{"add", "/devices/pci0/x", "virtio", "virtio:d00000001v00001AF4"}, true},
		{"value with equals sign", "change@/x\x00MODALIAS=of:N=T\x00", Event{"change", "/x", "", "of:N=T"}, true},
		{"not ended", "add@/x\x00SUBSYSTEM=net", Event{"add", "/x", "net", ""}, true},
		{"key without value", "add@/x\x00SUBSYSTEM", Event{"add", "/x", "", ""}, true},
		{"empty", "", Event{}, false},
		{"of another program", "libudev\x00\xfe\xed\xca\xfe", Event{}, false},
		{"no path", "add@\x00", Event{}, false},
		{"no action", "@/x\x00", Event{}, false},
	} {
		got, ok := Parse([]byte(c.message))
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %+v %v, want %+v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("add@/x\x00MODALIAS=a\x00\x00=\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		e, ok := Parse(message)
		if ok && (e.Action == "" || e.Path == "" || e.Path[0] != '/') {
			t.Fatalf("took %q for the event %+v", message, e)
		}
	})
}

func TestListenerHasNothingPending(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Skipf("no device events here: %v", err)
	}
	defer l.Close()
	for {
		// What the machine happens to say is read up.
		_, ok, err := l.Pending()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
	}
}
