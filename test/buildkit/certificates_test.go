//go:build linux

package buildkit

import (
	"net"
	"testing"

	"github.com/linuxkit/linuxkit/internal/certtest"
)

func writeCertificates(t *testing.T, dir, ip string) {
	t.Helper()
	if err := certtest.Write(dir, net.ParseIP(ip)); err != nil {
		t.Fatal(err)
	}
}
