package buildkit

import (
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// tailSize is how much of the output of a step is kept, in bytes.
const tailSize = 4 << 10

// tail keeps the end of what each step prints, for the one that fails.
type tail struct {
	logs   map[digest.Digest][]byte
	failed digest.Digest
}

// follow notes what passes from one channel to the other, and closes the latter
// at the end.
func (t *tail) follow(from <-chan *client.SolveStatus, to chan<- *client.SolveStatus) {
	defer close(to)
	t.logs = map[digest.Digest][]byte{}
	for s := range from {
		for _, l := range s.Logs {
			t.add(l)
		}
		for _, v := range s.Vertexes {
			// What is stopped because another step has failed is not the cause.
			if v.Error != "" && !strings.HasSuffix(v.Error, "context canceled") && t.failed == "" {
				t.failed = v.Digest
			}
		}
		to <- s
	}
}

func (t *tail) add(l *client.VertexLog) {
	kept := append(t.logs[l.Vertex], l.Data...)
	t.logs[l.Vertex] = kept[max(0, len(kept)-tailSize):]
}

// String is what the failed step has printed last.
func (t *tail) String() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.logs[t.failed]), "?"))
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
