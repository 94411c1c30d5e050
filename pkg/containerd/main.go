// Command containerd is containerd, its client ctr and its shim for runc in one
// file: most of their code is the same, and the root file system of the guest
// is unpacked into memory. The name it is started with says which of them it is.
//
// It holds the plugins that run containers and keep images. Those of Kubernetes,
// of tracing, and of snapshots for special file systems are left out.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/containerd/containerd/v2/cmd/ctr/app"
)

func main() {
	ctx := context.Background()
	var err error
	name := program(os.Args)
	switch name {
	case shimName:
		runShim(ctx)
	case clientName:
		err = app.New().Run(ctx, os.Args)
	default:
		go systemLogs.watch(ctx)
		err = command.App().Run(ctx, os.Args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

const (
	daemonName = "containerd"
	clientName = "ctr"
	shimName   = "containerd-shim-runc-v2"
)

// program says which program is meant by the name and the arguments. The shim
// starts itself again by the path of this file, which is not its name; that its
// first argument then is a namespace tells it from the daemon, which has no
// such option.
func program(args []string) string {
	name := filepath.Base(args[0])
	switch {
	case name == shimName, name == daemonName && len(args) > 1 && args[1] == "-namespace":
		return shimName
	case name == clientName:
		return clientName
	}
	return daemonName
}
