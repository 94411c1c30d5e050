package hotplug

import (
	"reflect"
	"testing"

	"github.com/linuxkit/linuxkit/pkg/init/internal/uevent"
)

func TestIsPatient(t *testing.T) {
	for file, want := range map[string]bool{
		"kernel/drivers/acpi/button.ko.xz":            true,
		"kernel/drivers/acpi/nfit/nfit.ko.xz":         false,
		"kernel/arch/x86/crypto/aesni-intel.ko.xz":    true,
		"kernel/drivers/input/evdev.ko":               true,
		"kernel/drivers/net/virtio_net.ko.xz":         false,
		"kernel/drivers/block/virtio_blk.ko.xz":       false,
		"kernel/drivers/hv/hv_vmbus.ko.xz":            false,
		"kernel/drivers/char/hw_random/virtio-rng.ko": false,
		"": false,
	} {
		if got := isPatient(file); got != want {
			t.Errorf("isPatient(%q) = %v", file, got)
		}
	}
}

func TestTake(t *testing.T) {
	for _, c := range []struct {
		event uevent.Event
		want  []string
	}{
		{uevent.Event{Action: "add", Path: "/x", Modalias: "pci:v1"}, []string{"pci:v1"}},
		{uevent.Event{Action: "remove", Path: "/x", Modalias: "pci:v1"}, nil},
		{uevent.Event{Action: "bind", Path: "/x", Modalias: "pci:v1"}, nil},
		{uevent.Event{Action: "add", Path: "/module/virtio_net", Subsystem: "module"}, nil},
	} {
		if got := take(c.event); !reflect.DeepEqual(got, c.want) {
			t.Errorf("take(%+v) = %v", c.event, got)
		}
	}
}

func TestFirst(t *testing.T) {
	seen := map[string]bool{"old": true}
	if got := first([]string{"a", "old", "b", "a"}, seen); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("first = %v", got)
	}
	if got := first([]string{"a", "b"}, seen); got != nil {
		t.Errorf("again = %v", got)
	}
}
