package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/containerd/containerd/v2/pkg/shim"
)

func main() {
	ctx := context.Background()
	switch filepath.Base(os.Args[0]) {
	case "containerd-shim-runc-v2":
		shim.RunShim(ctx, manager.NewShimManager("io.containerd.runc.v2"))
	default:
	if err := command.App().Run(ctx, os.Args); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "containerd:", err)
		os.Exit(1)
	}
	}
}
