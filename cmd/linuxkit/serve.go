package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/progress"
)

func newServeCmd() *cobra.Command {
	var address, dir string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a directory over HTTP, for example to machines that boot from the network",
		Long: `Serve a directory over HTTP until interrupted, for example to machines that boot
from the network. Each request is logged.`,
		Example: `  linuxkit serve --directory out
  linuxkit serve --port 127.0.0.1:9000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), address, dir)
		},
	}
	cmd.Flags().StringVar(&address, "port", ":8080", "address to listen on, [host]:port")
	cmd.Flags().StringVar(&dir, "directory", ".", "directory to serve")
	return cmd
}

// serve serves the files of dir, and no others, until ctx ends.
func serve(ctx context.Context, address, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("directory to serve: %w", err)
	}
	defer root.Close()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serving %s: %w", dir, err)
	}
	progress.Infof(ctx, "Serving %s on http://%s", dir, l.Addr())
	srv := &http.Server{Handler: logged(ctx, http.FileServerFS(root.FS())), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func logged(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		progress.Infof(ctx, "%s %s", r.Method, r.URL)
		next.ServeHTTP(w, r)
	})
}
