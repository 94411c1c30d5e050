// Command service runs the containers of the system: it mounts volumes, runs
// onboot and onshutdown containers, starts containerd and services.
package main

import (
	"os"

	"github.com/linuxkit/linuxkit/pkg/init/internal/service"
)

func main() { os.Exit(service.Main(os.Args, os.Stdout, os.Stderr)) }
