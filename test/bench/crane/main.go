// Command crane is what the crane tool does to pull an image into an OCI image
// layout, with its library: the benchmark compares with it. It also makes the
// image that is pulled, where memory does not count.
package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crane:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "pull":
		img, err := crane.Pull(args[1])
		if err != nil {
			return err
		}
		return crane.SaveOCI(img, args[2])
	case len(args) == 2 && args[0] == "ensure":
		return ensure(args[1])
	default:
		return errors.New("usage: crane pull <name> <dir> | crane ensure <name>")
	}
}

// Of the image that is pulled.
const (
	layers = 8
	bytes  = 500_000_000 // in all layers, before and after compression
)

// ensure makes the image in the registry unless it is there.
func ensure(name string) error {
	_, err := crane.Digest(name)
	var answer *transport.Error
	if err == nil || !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound {
		return err
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		return err
	}
	img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	for i := range layers {
		layer := stream.NewLayer(random(byte(i)), stream.WithCompressionLevel(gzip.BestSpeed), stream.WithMediaType(types.OCILayer))
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return err
		}
	}
	return crane.Push(img, name)
}

// random is a tar of one file that cannot be compressed.
func random(seed byte) io.ReadCloser {
	const size = bytes / layers
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		err := t.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%d", seed), Mode: 0o644, Size: size, Typeflag: tar.TypeReg})
		if err == nil {
			_, err = io.CopyN(t, rand.NewChaCha8([32]byte{seed}), size)
		}
		w.CloseWithError(errors.Join(err, t.Close()))
	}()
	return r
}
