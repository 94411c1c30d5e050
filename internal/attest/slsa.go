package attest

// PredicateSLSA is the type of a provenance.
const PredicateSLSA = "https://slsa.dev/provenance/v1"

const (
	builderID = "https://github.com/linuxkit/linuxkit"
	buildType = "https://github.com/linuxkit/linuxkit/docs/packages.md#made-of-layers"
)

// provenance is how an image came to be; see the SLSA specification 1.0.
type provenance struct {
	Definition buildDefinition `json:"buildDefinition"`
	Run        runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	Type         string     `json:"buildType"`
	Parameters   any        `json:"externalParameters"`
	Dependencies []resource `json:"resolvedDependencies,omitempty"`
}

type resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

type runDetails struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
}

func originOf(f Facts) provenance {
	p := provenance{Definition: buildDefinition{Type: buildType, Parameters: f.Recipe}}
	p.Run.Builder.ID = builderID
	for _, c := range f.Components {
		if c.Source == "" {
			continue
		}
		r := resource{URI: c.Source}
		if c.SHA256 != "" {
			r.Digest = map[string]string{"sha256": c.SHA256}
		}
		p.Definition.Dependencies = append(p.Definition.Dependencies, r)
	}
	return p
}
