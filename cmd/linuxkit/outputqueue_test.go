package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// The first job ends last, and still comes first.
func TestInOrder(t *testing.T) {
	var out bytes.Buffer
	second := make(chan struct{})
	err := inOrder(t.Context(), &out, make([][]int, 2), func(_ context.Context, i int, w io.Writer) error {
		fmt.Fprintf(w, "%d begins\n", i)
		if i == 1 {
			close(second)
		} else if runtime.NumCPU() > 1 {
			<-second
		}
		fmt.Fprintf(w, "%d ends\n", i)
		return nil
	})
	if want := "0 begins\n0 ends\n1 begins\n1 ends\n"; err != nil || out.String() != want {
		t.Errorf("%q, %v; want %q", out.String(), err, want)
	}
}

func TestInOrderError(t *testing.T) {
	failure := errors.New("failure")
	err := inOrder(t.Context(), io.Discard, make([][]int, 3), func(ctx context.Context, i int, _ io.Writer) error {
		if i == 1 || runtime.NumCPU() == 1 {
			return failure
		}
		<-ctx.Done()
		return fmt.Errorf("stopped: %w", ctx.Err())
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v, want the error that stopped the others", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inOrder(ctx, io.Discard, make([][]int, 1), func(context.Context, int, io.Writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestInOrderOf(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	var started []int
	needs := [][]int{{2}, nil, {3, 1}, {1}, nil}
	err := inOrder(t.Context(), &out, needs, func(_ context.Context, i int, w io.Writer) error {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range needs[i] {
			if !slices.Contains(started, n) {
				t.Errorf("%d starts before %d", i, n)
			}
		}
		started = append(started, i)
		fmt.Fprintln(w, i)
		return nil
	})
	if err != nil || out.String() != "0\n1\n2\n3\n4\n" {
		t.Errorf("output %q, %v", out.String(), err)
	}
	err = inOrder(t.Context(), io.Discard, [][]int{{1}, nil}, func(_ context.Context, i int, _ io.Writer) error {
		if i == 0 {
			t.Error("a job runs whose need has failed")
		}
		return errors.New("no luck")
	})
	if err == nil || err.Error() != "no luck" {
		t.Error(err)
	}
}
