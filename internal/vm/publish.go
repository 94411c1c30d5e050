package vm

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Publish is a port of the host that leads to one of the guest.
type Publish struct {
	Proto   string     // "tcp" or "udp"
	Address netip.Addr // of the host, IPv4; the zero Addr means all
	Host    uint16
	Guest   uint16
}

// ParsePublish reads "[address:]host:guest[/tcp|udp]". The address is one of
// IPv4, which is all that QEMU forwards from.
func ParsePublish(spec string) (Publish, error) {
	p, err := parsePublish(spec)
	if err != nil {
		return Publish{}, fmt.Errorf("published port %q: %w (want [address:]hostport:guestport[/tcp|udp])", spec, err)
	}
	return p, nil
}

func parsePublish(spec string) (p Publish, err error) {
	ports, proto, _ := strings.Cut(strings.TrimSpace(spec), "/")
	if p.Proto, err = parseProto(proto, strings.Contains(spec, "/")); err != nil {
		return p, err
	}
	rest, guest, found := cutLast(ports)
	if !found {
		return p, fmt.Errorf("the guest's port is missing")
	}
	address, host, found := cutLast(rest)
	if found {
		if p.Address, err = parseAddress(address); err != nil {
			return p, err
		}
	}
	if p.Host, err = parsePort(host); err != nil {
		return p, err
	}
	p.Guest, err = parsePort(guest)
	return p, err
}

// cutLast splits s at its last colon; without one all of it is "after".
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

func parseProto(s string, given bool) (string, error) {
	switch proto := strings.ToLower(strings.TrimSpace(s)); {
	case !given:
		return "tcp", nil
	case proto == "tcp", proto == "udp":
		return proto, nil
	}
	return "", fmt.Errorf("unknown protocol %q", s)
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("invalid port %q", s)
	}
	return uint16(n), nil
}

func parseAddress(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("invalid address %q, want one of IPv4", s)
	}
	return a, nil
}
