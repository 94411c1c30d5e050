// Package ctrd is a client for the containers and tasks of containerd: what
// starting and stopping a service takes of the API containerd.services v1.
//
// It knows nothing of images, snapshots or events, and nothing of services.
package ctrd

import (
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/linuxkit/linuxkit/pkg/init/internal/grpc"
)

const (
	containers = "/containerd.services.containers.v1.Containers/"
	tasks      = "/containerd.services.tasks.v1.Tasks/"

	runtimeName = "io.containerd.runc.v2"
	specType    = "types.containerd.io/opencontainers/runtime-spec/1/Spec"

	// callTimeout bounds every call but Wait. Creating a task on a slow machine
	// starts two processes of ten megabytes.
	callTimeout = 5 * time.Minute
)

// IsNotFound tells whether an error means that there is no such thing.
func IsNotFound(err error) bool { return grpc.Is(err, grpc.NotFound) }

// Client talks to containerd within one of its namespaces.
type Client struct {
	path, namespace string
	conn            *grpc.Conn
}

// Dial connects to the socket of containerd.
func Dial(path, namespace string) (*Client, error) {
	conn, err := grpc.Dial(path)
	if err != nil {
		return nil, err
	}
	return &Client{path: path, namespace: namespace, conn: conn}, nil
}

// In returns a client for another namespace on the same connection.
func (c *Client) In(namespace string) *Client {
	other := *c
	other.namespace = namespace
	return &other
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

func (c *Client) call(method string, request message, timeout time.Duration) (message, error) {
	metadata := []grpc.Header{{Name: "containerd-namespace", Value: c.namespace}}
	answer, err := c.conn.Call(method, metadata, request, timeout)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// The rest of an answer may still come; only a new connection is clean.
		conn, dialErr := grpc.Dial(c.path)
		if dialErr != nil {
			return nil, dialErr
		}
		c.conn.Close()
		*c.conn = *conn
	}
	return answer, err
}

// Containers lists the identifiers of all containers.
func (c *Client) Containers() ([]string, error) {
	answer, err := c.call(containers+"List", nil, callTimeout)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = answer.fields(func(number protowire.Number, value []byte, _ uint64) error {
		if number != 1 {
			return nil
		}
		id, err := message(value).text(1)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// Exists tells whether there is a container of that name.
func (c *Client) Exists(id string) (bool, error) {
	_, err := c.call(containers+"Get", message(nil).string(1, id), callTimeout)
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// CreateContainer records a container. The specification is the JSON of an OCI
// bundle whose root.path is absolute.
func (c *Client) CreateContainer(id string, spec []byte) error {
	runtime := message(nil).string(1, runtimeName)
	value := message(nil).string(1, specType).bytes(2, spec)
	container := message(nil).string(1, id).bytes(4, runtime).bytes(5, value)
	_, err := c.call(containers+"Create", message(nil).bytes(1, container), callTimeout)
	return err
}

// DeleteContainer forgets a container without a task.
func (c *Client) DeleteContainer(id string) error {
	_, err := c.call(containers+"Delete", message(nil).string(1, id), callTimeout)
	return err
}

// CreateTask makes the process of a container, which waits to be started, and
// returns its number. Its output goes to files or FIFOs that exist.
func (c *Client) CreateTask(id, stdout, stderr string) (pid int, err error) {
	request := message(nil).string(1, id).string(5, stdout).string(6, stderr)
	answer, err := c.call(tasks+"Create", request, callTimeout)
	if err != nil {
		return 0, err
	}
	err = answer.fields(func(number protowire.Number, _ []byte, value uint64) error {
		if number == 2 {
			pid = int(value)
		}
		return nil
	})
	if err == nil && pid <= 0 {
		err = fmt.Errorf("containerd gives no process number for %s", id)
	}
	return pid, err
}

// StartTask starts the process of a container.
func (c *Client) StartTask(id string) error {
	_, err := c.call(tasks+"Start", message(nil).string(1, id), callTimeout)
	return err
}

// KillTask sends a signal to the first process of a container or, for all, to
// every one.
func (c *Client) KillTask(id string, signal int, all bool) error {
	request := message(nil).string(1, id).varint(3, uint64(signal))
	if all {
		request = request.varint(4, 1)
	}
	_, err := c.call(tasks+"Kill", request, callTimeout)
	return err
}

// WaitTask waits until the process of a container has ended. An error that is
// os.ErrDeadlineExceeded means that it goes on.
func (c *Client) WaitTask(id string, timeout time.Duration) error {
	_, err := c.call(tasks+"Wait", message(nil).string(1, id), timeout)
	return err
}

// DeleteTask removes a process that has ended.
func (c *Client) DeleteTask(id string) error {
	_, err := c.call(tasks+"Delete", message(nil).string(1, id), callTimeout)
	return err
}

// Namespace is the one the client works in.
func (c *Client) Namespace() string { return c.namespace }
