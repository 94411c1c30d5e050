package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/policy"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/registry"
)

// app is what all commands share: the streams and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	cacheDir string
	mirrors  []string
	certs    []string
	policy   string
	rules    *policy.Policy // nil if there is no policy
	quiet    bool
	verbose  int
}

// exitRefused is the exit status if the policy refused an image.
const exitRefused = 3

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRootCmd(a)
	root.SetArgs(normalise(root, args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	status := exitStatus(err)
	if own := (exitError{}); err != nil && !(errors.As(err, &own) && own.err == nil) {
		fmt.Fprintf(stderr, "Error: %v\n", err)
	}
	return status
}

func exitStatus(err error) int {
	var own exitError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, policy.ErrRefused):
		return exitRefused
	case errors.As(err, &own):
		return own.status
	default:
		return 1
	}
}

func newRootCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "linuxkit",
		Short:         "Assemble container images into bootable Linux systems",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.setup(cmd)
		},
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.cacheDir, "cache", "", "image cache directory (default $LINUXKIT_CACHE, else ~/.linuxkit/cache)")
	flags.StringArrayVar(&a.mirrors, "mirror", nil, "registry mirror, [<registry>=]<url>; may be repeated")
	flags.StringArrayVar(&a.certs, "cert-file", nil, "PEM file of an additional certificate authority; may be repeated")
	flags.StringVar(&a.policy, "policy", "", "file that says which images may be used (default $LINUXKIT_POLICY, else ~/.linuxkit/policy.yml or /etc/linuxkit/policy.yml if there)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "show warnings and errors only")
	flags.IntVarP(&a.verbose, "verbose", "v", 1, "0 warnings and errors, 1 information, 2 debug, 3 trace")
	cmd.AddCommand(newBuildCmd(a), newInspectCmd(a), newDiffCmd(a), newRunCmd(a, a.buildToRun), newPkgCmd(a), newCacheCmd(a),
		newServeCmd(), newMetadataCmd(), newVersionCmd(a))
	return cmd
}

// setup resolves the global flags against the environment and puts the
// reporter into the command's context.
func (a *app) setup(cmd *cobra.Command) error {
	if a.cacheDir == "" {
		a.cacheDir = defaultCacheDir()
	}
	asked := cmd.Flags().Changed("verbose")
	switch {
	case a.verbose < 0 || a.verbose > 3:
		return errors.New("verbose flag can only be set to 0, 1, 2 or 3")
	case a.quiet && asked && a.verbose > 0:
		return errors.New("can't set quiet and verbose flag at the same time")
	}
	cmd.SetContext(progress.With(cmd.Context(), newReporter(a, asked)))
	// Wrong mirrors and certificates are told even if no registry is asked.
	if _, err := a.registry(nil); err != nil {
		return err
	}
	return a.loadPolicy()
}

// registry returns a client for registries that stores what it pulls in s.
func (a *app) registry(s *content.Store) (*registry.Client, error) {
	return a.client(registry.Options{Store: s})
}

// cacheAndRegistry opens the cache, and a client for registries that stores
// what it pulls there.
func (a *app) cacheAndRegistry() (*content.Store, *registry.Client, error) {
	s, err := content.Open(a.cacheDir)
	if err != nil {
		return nil, nil, err
	}
	remote, err := a.registry(s)
	return s, remote, err
}

// client returns a client for registries that knows the global flags.
func (a *app) client(opts registry.Options) (_ *registry.Client, err error) {
	if opts.Mirrors, err = registry.ParseMirrors(os.Getenv("LINUXKIT_MIRROR"), a.mirrors); err != nil {
		return nil, err
	}
	opts.CertFiles = a.certs
	return registry.New(opts)
}

func defaultCacheDir() string {
	if dir := os.Getenv("LINUXKIT_CACHE"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".linuxkit", "cache")
}
