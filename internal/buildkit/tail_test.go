package buildkit

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// followed is what remains of statuses, and how many were passed on.
func followed(list ...*client.SolveStatus) (*tail, int) {
	from, to := make(chan *client.SolveStatus), make(chan *client.SolveStatus)
	go func() {
		defer close(from)
		for _, s := range list {
			from <- s
		}
	}()
	var last tail
	go last.follow(from, to)
	n := 0
	for range to {
		n++
	}
	return &last, n
}

func printed(step digest.Digest, text string) *client.SolveStatus {
	return &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: step, Data: []byte(text)}}}
}

func ended(step digest.Digest, err string) *client.SolveStatus {
	return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: step, Error: err}}}
}

func TestTail(t *testing.T) {
	var long []*client.SolveStatus
	for i := range 10000 {
		long = append(long, printed("a", fmt.Sprintf("line %d\n", i)))
	}
	for name, c := range map[string]struct {
		list        []*client.SolveStatus
		first, last string
	}{
		"nothing":     {nil, "", ""},
		"no failure":  {[]*client.SolveStatus{printed("a", "x"), ended("a", "")}, "", ""},
		"of its own":  {[]*client.SolveStatus{printed("a", "x\n"), printed("b", "y\n"), ended("b", "failed")}, "y", "y"},
		"not stopped": {[]*client.SolveStatus{printed("a", "x"), printed("b", "y"), ended("a", "rpc error: context canceled"), ended("b", "failed")}, "y", "y"},
		"the end":     {append(long, ended("a", "failed")), "line 9990", "line 9999"},
		"not text":    {[]*client.SolveStatus{printed("a", "\xff"), ended("a", "failed")}, "?", "?"},
	} {
		last, n := followed(c.list...)
		lines := strings.Split(last.String(), "\n")
		if n != len(c.list) || lines[0] != c.first || lines[len(lines)-1] != c.last || len(lines) > 10 {
			t.Errorf("%s: %d of %d passed, the last lines are %q", name, n, len(c.list), lines)
		}
	}
}

func TestExplain(t *testing.T) {
	failed := errors.New("step failed")
	last, _ := followed(printed("a", "exec /x: exec format error"), ended("a", "failed"))
	other, _ := followed(printed("a", "why"), ended("a", "failed"))
	silent, _ := followed()
	shown := &Progress{Writer: io.Discard, Mode: "plain"}
	for name, c := range map[string]struct {
		progress *Progress
		last     *tail
		host     string
		want     string
	}{
		"shown":        {shown, other, "amd64", "step failed"},
		"not shown":    {nil, other, "amd64", "step failed; the last lines of this step:\nwhy"},
		"quiet":        {&Progress{Writer: io.Discard, Mode: "quiet"}, other, "amd64", "step failed; the last lines of this step:\nwhy"},
		"silent":       {nil, silent, "amd64", "step failed"},
		"not emulated": {shown, last, "amd64", "buildkit was unable to emulate linux/riscv64. check binfmt"},
		"and hidden":   {nil, last, "amd64", "qemu-user-static"},
		"native":       {shown, last, "riscv64", "step failed"},
	} {
		r := Request{Platform: ocispec.Platform{OS: "linux", Architecture: "riscv64"}, Progress: c.progress}
		err := r.explain(failed, c.last, ocispec.Platform{OS: "linux", Architecture: c.host})
		if !errors.Is(err, failed) || !strings.Contains(err.Error(), c.want) || strings.HasPrefix(c.want, "step") && err.Error() != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
