//go:build !unix

package qemu

import (
	"errors"
	"net"
	"os"
)

// canControl tells whether QEMU can get a control connection: here a child
// inherits no descriptors.
const canControl = false

func controlPair() (net.Conn, *os.File, error) { return nil, nil, errors.ErrUnsupported }
