package ctrd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// server is containerd, as far as the client goes, on the real gRPC library.
type server struct {
	containersapi.UnimplementedContainersServer
	mu         sync.Mutex
	containers map[string]*containersapi.Container // by namespace/id
	killed     []*tasksapi.KillRequest
	task       *tasksapi.CreateTaskRequest
	hang       chan struct{}
}

func key(ctx context.Context, id string) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return strings.Join(md.Get("containerd-namespace"), ",") + "/" + id
}

func (s *server) List(ctx context.Context, _ *containersapi.ListContainersRequest) (*containersapi.ListContainersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &containersapi.ListContainersResponse{}
	for k, c := range s.containers {
		if k == key(ctx, c.ID) {
			r.Containers = append(r.Containers, c)
		}
	}
	return r, nil
}

func (s *server) Get(ctx context.Context, r *containersapi.GetContainerRequest) (*containersapi.GetContainerResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.containers[key(ctx, r.ID)]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "container %q: 100%% not found", r.ID)
	}
	return &containersapi.GetContainerResponse{Container: c}, nil
}

func (s *server) Create(ctx context.Context, r *containersapi.CreateContainerRequest) (*containersapi.CreateContainerResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers[key(ctx, r.Container.ID)] = r.Container
	return &containersapi.CreateContainerResponse{Container: r.Container}, nil
}

func (s *server) Delete(ctx context.Context, r *containersapi.DeleteContainerRequest) (*emptypb.Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers, key(ctx, r.ID))
	return &emptypb.Empty{}, nil
}

// taskServer keeps the methods of the two services apart.
type taskServer struct {
	tasksapi.UnimplementedTasksServer
	state *server
}

func (s taskServer) Create(_ context.Context, r *tasksapi.CreateTaskRequest) (*tasksapi.CreateTaskResponse, error) {
	s.state.task = r
	return &tasksapi.CreateTaskResponse{ContainerID: r.ContainerID, Pid: 4711}, nil
}

func (s taskServer) Start(context.Context, *tasksapi.StartRequest) (*tasksapi.StartResponse, error) {
	return nil, status.Error(codes.FailedPrecondition, "no such file or directory: ünknown")
}

func (s taskServer) Kill(_ context.Context, r *tasksapi.KillRequest) (*emptypb.Empty, error) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.killed = append(s.state.killed, r)
	return &emptypb.Empty{}, nil
}

func (s taskServer) Wait(ctx context.Context, _ *tasksapi.WaitRequest) (*tasksapi.WaitResponse, error) {
	select {
	case <-s.state.hang:
	case <-ctx.Done():
	}
	return &tasksapi.WaitResponse{ExitStatus: 137}, nil
}

func (s taskServer) Delete(context.Context, *tasksapi.DeleteTaskRequest) (*tasksapi.DeleteResponse, error) {
	return &tasksapi.DeleteResponse{ID: "x", Pid: 4711, ExitStatus: 137}, nil
}

func (s taskServer) Get(context.Context, *tasksapi.GetRequest) (*tasksapi.GetResponse, error) {
	return nil, status.Error(codes.NotFound, "none")
}

func (s taskServer) List(context.Context, *tasksapi.ListTasksRequest) (*tasksapi.ListTasksResponse, error) {
	return &tasksapi.ListTasksResponse{}, nil
}

func serve(t *testing.T) (*server, *Client) {
	t.Helper()
	s := &server{containers: map[string]*containersapi.Container{}, hang: make(chan struct{})}
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	containersapi.RegisterContainersServer(g, s)
	tasksapi.RegisterTasksServer(g, taskServer{state: s})
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	c, err := Dial(path, "services.linuxkit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return s, c
}

func TestContainers(t *testing.T) {
	s, c := serve(t)
	if ids, err := c.Containers(); err != nil || len(ids) != 0 {
		t.Fatalf("no containers: %v, %v", ids, err)
	}
	if ok, err := c.Exists("x"); ok || err != nil {
		t.Fatalf("exists: %v, %v", ok, err)
	}
	// Larger than every window of HTTP/2 that servers begin with.
	spec := []byte(`{"root":"` + strings.Repeat("ab", 200_000) + `"}`)
	for range 3 {
		if err := c.CreateContainer("x", spec); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.In("other").CreateContainer("y", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	got := s.containers["services.linuxkit/x"]
	if got == nil || got.Runtime.Name != runtimeName || got.Spec.TypeUrl != specType || string(got.Spec.Value) != string(spec) {
		t.Errorf("the server knows %v", s.containers)
	}
	if ok, err := c.Exists("x"); !ok || err != nil {
		t.Errorf("exists: %v, %v", ok, err)
	}
	if ids, err := c.Containers(); err != nil || !reflect.DeepEqual(ids, []string{"x"}) {
		t.Errorf("containers: %v, %v", ids, err)
	}
	if err := c.DeleteContainer("x"); err != nil {
		t.Error(err)
	}
	if ids, err := c.In("other").Containers(); err != nil || !reflect.DeepEqual(ids, []string{"y"}) {
		t.Errorf("containers: %v, %v", ids, err)
	}
}

func TestTasks(t *testing.T) {
	s, c := serve(t)
	pid, err := c.CreateTask("x", "/var/log/x.out.log", "/var/log/x.log")
	if err != nil || pid != 4711 {
		t.Fatalf("process %d, %v", pid, err)
	}
	if s.task.ContainerID != "x" || s.task.Stdout != "/var/log/x.out.log" || s.task.Stderr != "/var/log/x.log" || s.task.Stdin != "" || s.task.Terminal {
		t.Errorf("the server got %v", s.task)
	}
	if err := c.StartTask("x"); err == nil || !strings.HasSuffix(err.Error(), "no such file or directory: ünknown") || IsNotFound(err) {
		t.Errorf("start: %v", err)
	}
	if err := c.KillTask("x", 15, false); err != nil {
		t.Error(err)
	}
	if err := c.KillTask("x", 9, true); err != nil {
		t.Error(err)
	}
	if k := s.killed; len(k) != 2 || k[0].Signal != 15 || k[0].All || k[1].Signal != 9 || !k[1].All {
		t.Errorf("the server got %v", s.killed)
	}
	if err := c.DeleteTask("x"); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsAndGoesOn(t *testing.T) {
	s, c := serve(t)
	if err := c.WaitTask("x", 10*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a task that goes on: %v", err)
	}
	if err := c.KillTask("x", 9, true); err != nil {
		t.Errorf("after waiting in vain: %v", err)
	}
	close(s.hang)
	if err := c.WaitTask("x", time.Minute); err != nil {
		t.Error(err)
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(message(nil).string(1, "a").varint(2, 300).bytes(5, []byte{1})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := message(raw).text(1); err != nil && !strings.Contains(err.Error(), "decode") {
			t.Fatal(err)
		}
	})
}
