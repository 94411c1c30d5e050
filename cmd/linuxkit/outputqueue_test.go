package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// The first job ends last, and still comes first.
func TestInOrder(t *testing.T) {
	var out bytes.Buffer
	second := make(chan struct{})
	err := inOrder(t.Context(), &out, 2, func(_ context.Context, i int, w io.Writer) error {
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
	err := inOrder(t.Context(), io.Discard, 3, func(ctx context.Context, i int, _ io.Writer) error {
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
	if err := inOrder(ctx, io.Discard, 1, func(context.Context, int, io.Writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
