package attest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

// maxStatement is the size in bytes above which a statement is left as it is.
const maxStatement = 64 << 20

// Normalise removes from an attestation that BuildKit wrote what differs from
// build to build: times, identifiers of the build and names in its session. It
// returns the descriptor of the new attestation.
func Normalise(ctx context.Context, s *content.Store, desc ocispec.Descriptor, at time.Time) (ocispec.Descriptor, error) {
	m, err := s.ReadManifest(ctx, desc)
	if err != nil {
		return desc, fmt.Errorf("read attestation: %w", err)
	}
	n := normaliser{at: at, image: digest.Digest(desc.Annotations[image.AnnotationSubject])}
	renamed := map[string]string{}
	for i, l := range m.Layers {
		if m.Layers[i], err = n.layer(ctx, s, l); err != nil {
			return desc, fmt.Errorf("normalise attestation %s: %w", desc.Digest, err)
		}
		renamed[l.Digest.String()] = m.Layers[i].Digest.String()
	}
	if m.Config.MediaType == ocispec.MediaTypeImageConfig {
		if m.Config, err = renameLayers(ctx, s, m.Config, renamed); err != nil {
			return desc, err
		}
	}
	next, err := putJSON(ctx, s, ocispec.MediaTypeImageManifest, m)
	next.Annotations, next.Platform = desc.Annotations, desc.Platform
	return next, err
}

// renameLayers changes the digests in the configuration of an attestation,
// which older daemons write.
func renameLayers(ctx context.Context, s *content.Store, desc ocispec.Descriptor, renamed map[string]string) (ocispec.Descriptor, error) {
	data, err := s.ReadAll(ctx, desc)
	if err != nil {
		return desc, err
	}
	var config ocispec.Image
	if err := json.Unmarshal(data, &config); err != nil {
		return desc, fmt.Errorf("configuration of attestation: %w", err)
	}
	for i, d := range config.RootFS.DiffIDs {
		if to := renamed[d.String()]; to != "" {
			config.RootFS.DiffIDs[i] = digest.Digest(to)
		}
	}
	return putJSON(ctx, s, desc.MediaType, config)
}

type normaliser struct {
	at    time.Time
	image digest.Digest
}

// sessionURL names what was sent for one build.
var sessionURL = regexp.MustCompile(`http://buildkit-session/[a-z0-9]+`)

func (n normaliser) layer(ctx context.Context, s *content.Store, desc ocispec.Descriptor) (ocispec.Descriptor, error) {
	kind := desc.Annotations[annotationPredicate]
	if kind == "" || desc.Size > maxStatement {
		return desc, nil
	}
	f, err := s.Reader(ctx, desc)
	if err != nil {
		return desc, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return desc, err
	}
	if data, err = n.statement(kind, data); err != nil {
		return desc, err
	}
	next, err := s.Put(ctx, desc.MediaType, data)
	next.Annotations = desc.Annotations
	return next, err
}

func (n normaliser) statement(kind string, data []byte) ([]byte, error) {
	var statement map[string]any
	if err := json.Unmarshal(sessionURL.ReplaceAll(data, []byte("http://buildkit-session/context")), &statement); err != nil {
		return nil, fmt.Errorf("statement about %s: %w", kind, err)
	}
	predicate, _ := statement["predicate"].(map[string]any)
	if kind == PredicateSPDX {
		n.spdx(predicate)
	} else {
		forgetRun(predicate)
	}
	return json.Marshal(statement)
}

func (n normaliser) spdx(doc map[string]any) {
	if creation, ok := doc["creationInfo"].(map[string]any); ok {
		creation["created"] = n.at.UTC().Format(time.RFC3339)
	}
	if doc["documentNamespace"] != nil {
		doc["documentNamespace"] = namespace(n.image)
	}
}

// forgetRun removes what SLSA 0.2 and 1 tell about one run.
func forgetRun(predicate map[string]any) {
	run, _ := predicate["runDetails"].(map[string]any)
	for _, m := range []any{predicate["metadata"], run["metadata"]} {
		metadata, _ := m.(map[string]any)
		for _, name := range []string{"invocationId", "invocationID", "startedOn", "finishedOn", "buildInvocationID", "buildStartedOn", "buildFinishedOn"} {
			delete(metadata, name)
		}
	}
}
