package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/rootfs"
	"github.com/linuxkit/linuxkit/internal/sbom"
)

// sbomName is what the bill of materials is called in the tree.
const sbomName = "sbom.spdx.json"

// sbomOptions are the flags of build about the bill of materials.
type sbomOptions struct {
	off         bool
	name        string
	file        string
	currentTime bool
}

func (o *sbomOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.off, "no-sbom", false, "neither collect nor write an SBOM")
	flags.StringVar(&o.name, "sbom-output", sbomName, "name of the SBOM in the tree")
	flags.StringVar(&o.file, "sbom-file", "", "write the SBOM to this file, too")
	flags.BoolVar(&o.currentTime, "sbom-current-time", false, "date the SBOM now (default $SOURCE_DATE_EPOCH, else a fixed time)")
}

func (o *sbomOptions) check() error {
	switch {
	case o.off && o.file != "":
		return errors.New("--sbom-file and --no-sbom contradict each other")
	case !o.off && o.name == "":
		return errors.New("--sbom-output is empty; give a name, or --no-sbom")
	}
	return nil
}

// created is the time that the document gets.
func (o *sbomOptions) created() (time.Time, error) {
	if o.currentTime {
		return time.Now(), nil
	}
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return rootfs.GeneratedTime, nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q; want seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0), nil
}

// add collects the SBOM and adds it to the tree. The result, nil if there is
// to be none, has to be closed after the system was written.
func (o *sbomOptions) add(ctx context.Context, sys *rootfs.System) (*sbom.Document, error) {
	if o.off {
		return nil, nil
	}
	created, err := o.created()
	if err != nil {
		return nil, err
	}
	sources := make([]sbom.Source, len(sys.Unpacked))
	for i, u := range sys.Unpacked {
		sources[i] = sbom.Source{Ref: u.Image.Ref, Location: u.Location, Prefix: u.Prefix, Documents: u.Image.SBOMs}
	}
	doc, err := sbom.Collect(ctx, sources, sbom.Options{
		Created: created, Creators: []string{"Organization: LinuxKit", "Tool: linuxkit"},
	})
	if err != nil {
		return nil, err
	}
	if err := sys.AddFile(o.name, doc.Size(), doc.Reader); err != nil {
		doc.Close()
		return nil, fmt.Errorf("--sbom-output: %w", err)
	}
	return doc, nil
}

// writeFile writes the document beside the outputs if that was asked for.
func (o *sbomOptions) writeFile(ctx context.Context, doc *sbom.Document) error {
	if doc == nil || o.file == "" {
		return nil
	}
	return atomicfile.Write(ctx, o.file, 0o644, func(w io.Writer) error {
		_, err := io.Copy(w, doc.Reader())
		return err
	})
}
