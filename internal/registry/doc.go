// Package registry owns the conversation with image registries: mirrors,
// certificates, credentials, and the transfer of images between them and the
// store.
//
// What arrives is checked against its digest before it becomes visible, and
// only what the wanted platforms need is fetched. The package refuses plain
// HTTP except for registries on this host and for mirrors that are configured
// so, manifests larger than the store accepts, and to send credentials to any
// host but the registry and token services of its domain. It keeps nothing outside of the
// store.
//
// It speaks the OCI distribution specification.
package registry
