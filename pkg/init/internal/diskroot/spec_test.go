package diskroot

import (
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
)

func TestParseSpec(t *testing.T) {
	for _, c := range []struct {
		line string
		want Spec
		err  string
	}{
		{line: "console=ttyS0", err: "name it with root="},
		{line: "root=", err: "name it with root="},
		{line: "root=/dev/vda", want: Spec{Device: "/dev/vda", Wait: patience, Init: "/sbin/init"}},
		{
			line: "root=LABEL=LinuxKit rootfstype=iso9660 rootflags=map=off rootwait init=/bin/own",
			want: Spec{Device: "LABEL=LinuxKit", Type: "iso9660", Options: "map=off", Init: "/bin/own"},
		},
		{line: "root=/dev/sda root=/dev/sdb rootwait=5", want: Spec{Device: "/dev/sdb", Wait: 5 * time.Second, Init: "/sbin/init"}},
		{line: "root=/dev/sda rootwait=soon", err: "rootwait=soon"},
	} {
		got, err := ParseSpec(kcmd.Parse(c.line))
		if c.err == "" && (err != nil || got != c.want) {
			t.Errorf("%s: %+v, %v", c.line, got, err)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v", c.line, err)
		}
	}
}
