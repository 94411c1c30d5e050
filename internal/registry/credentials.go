package registry

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// hubKey is what the docker configuration calls Docker Hub.
const hubKey = "https://index.docker.io/v1/"

// ParseCredentials reads <registry>=<user>:<password> and <registry>=<token>,
// where the token may be user and password in base64, as in a docker
// configuration. The keys of the result are those of such a configuration.
func ParseCredentials(specs []string) (map[string]authn.AuthConfig, error) {
	all := map[string]authn.AuthConfig{}
	for _, spec := range specs {
		bad := func(why string) error {
			if why != "" {
				why = ", " + why + " must not be blank"
			}
			return fmt.Errorf("invalid registry auth specification '%s'%s", spec, why)
		}
		host, secret, ok := strings.Cut(spec, "=")
		if !ok || secret == "" {
			return nil, bad("")
		}
		key := credentialsKey(strings.TrimSpace(host))
		if key == "" {
			return nil, bad("registry")
		}
		user, password, both := strings.Cut(secret, ":")
		user, password = strings.TrimSpace(user), strings.TrimSpace(password)
		switch {
		case both && (user == "" || password == ""):
			return nil, bad("username and password")
		case both:
			all[key] = authn.AuthConfig{Username: user, Password: password}
		case user == "":
			return nil, bad("token")
		default:
			all[key] = tokenAuth(user)
		}
	}
	return all, nil
}

func credentialsKey(host string) string {
	switch strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://"), "/") {
	case "docker.io", "index.docker.io", "registry-1.docker.io", "index.docker.io/v1":
		return hubKey
	}
	return host
}

// tokenAuth understands the "auth" member of a docker configuration; anything
// else is a token that the registry takes as it is.
func tokenAuth(token string) authn.AuthConfig {
	if data, err := base64.StdEncoding.DecodeString(token); err == nil {
		if user, password, ok := strings.Cut(string(data), ":"); ok && user != "" {
			return authn.AuthConfig{Username: user, Password: strings.TrimRight(password, "\x00")}
		}
	}
	return authn.AuthConfig{RegistryToken: token}
}
