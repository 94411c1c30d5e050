// Package buildkit tests the building of Dockerfiles with real engines: a
// buildkitd as child of root and of a user without rights, one reached over
// TLS from other networks and over SSH, and those in containers of docker and
// podman.
package buildkit
