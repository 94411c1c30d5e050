// Package dockerengine talks to a Docker engine, or one that understands the
// same interface: it takes images out of it and loads images into it.
//
// It owns how the engine is found (DOCKER_HOST, contexts of the docker
// configuration, the usual socket) and the few requests that this needs. No
// docker program is run, but for an engine behind ssh, where one has to be on
// the other end. The package refuses to start containers.
//
// It speaks the Docker Engine API without version, so that the engine takes
// its own.
package dockerengine
