// Package buildkit tests the building of Dockerfiles with real engines: a
// buildkitd as child, over TLS and in a container of docker's.
package buildkit
