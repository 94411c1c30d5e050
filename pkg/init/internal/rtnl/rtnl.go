// Package rtnl creates network devices and moves them between network
// namespaces, through rtnetlink(7).
//
// These two requests are all it knows. It sets no address, no route and no
// other property of a device.
package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Link is a network device to create.
type Link struct {
	Name string
	// Kind is the type of the device as the kernel names it, e.g. "wireguard".
	Kind string
	// Peer is the name of the other end of a pair ("veth").
	Peer string
	// PID names a process in whose network namespace the device is made; 0 for
	// that of the caller.
	PID int
}

// vethPeer is VETH_INFO_PEER of linux/veth.h.
const vethPeer = 1

// Conn is a connection to the kernel.
type Conn struct {
	fd  int
	seq uint32
}

// Open connects to the kernel, in the network namespace of the caller.
func Open() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	return &Conn{fd: fd}, nil
}

// Close ends the connection.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// Create makes a device.
func (c *Conn) Create(l Link) error {
	if err := checkName(l.Name); err != nil {
		return err
	}
	if l.Peer != "" {
		if err := checkName(l.Peer); err != nil {
			return err
		}
	}
	if err := c.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, l.encode()); err != nil {
		return fmt.Errorf("create interface %s of type %s: %w", l.Name, l.Kind, err)
	}
	return nil
}

// Move gives a device to the network namespace of a process.
func (c *Conn) Move(name string, pid int) error {
	if err := checkName(name); err != nil {
		return err
	}
	body := make([]byte, unix.SizeofIfInfomsg)
	body = attr(body, unix.IFLA_IFNAME, zero(name))
	body = attr(body, unix.IFLA_NET_NS_PID, word(uint32(pid)))
	if err := c.request(unix.RTM_NEWLINK, 0, body); err != nil {
		return fmt.Errorf("move interface %s to process %d: %w", name, pid, err)
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return fmt.Errorf("interface name %q: must have 1 to %d bytes", name, unix.IFNAMSIZ-1)
	}
	return nil
}

// encode is the body of RTM_NEWLINK.
func (l Link) encode() []byte {
	body := make([]byte, unix.SizeofIfInfomsg)
	body = attr(body, unix.IFLA_IFNAME, zero(l.Name))
	if l.PID != 0 {
		body = attr(body, unix.IFLA_NET_NS_PID, word(uint32(l.PID)))
	}
	info := attr(nil, unix.IFLA_INFO_KIND, []byte(l.Kind))
	if l.Peer != "" {
		peer := attr(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, zero(l.Peer))
		info = attr(info, unix.IFLA_INFO_DATA, attr(nil, vethPeer, peer))
	}
	return attr(body, unix.IFLA_LINKINFO, info)
}

// attr appends an attribute, padded to four bytes.
func attr(b []byte, kind uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, data...)
	for len(b)%unix.NLA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

func zero(s string) []byte { return append([]byte(s), 0) }

func word(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// request sends one message and waits for the answer of the kernel to it.
func (c *Conn) request(kind, flags uint16, body []byte) error {
	c.seq++
	msg := word(uint32(unix.SizeofNlMsghdr + len(body)))
	msg = binary.NativeEndian.AppendUint16(msg, kind)
	msg = binary.NativeEndian.AppendUint16(msg, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	msg = append(msg, word(c.seq)...)
	msg = append(msg, word(0)...)
	if err := unix.Sendto(c.fd, append(msg, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, os.Getpagesize())
	for {
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		if done, err := answer(buf[:n], c.seq); done {
			return err
		}
	}
}

// answer finds the acknowledgement of message seq in what was received.
func answer(b []byte, seq uint32) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, errors.New("malformed answer of rtnetlink")
		}
		kind := binary.NativeEndian.Uint16(b[4:])
		if kind == unix.NLMSG_ERROR && binary.NativeEndian.Uint32(b[8:]) == seq && size >= unix.SizeofNlMsghdr+4 {
			if code := int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); code != 0 {
				return true, unix.Errno(-code)
			}
			return true, nil
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return false, nil
}
