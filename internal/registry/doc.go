// Package registry owns the conversation with image registries: mirrors,
// certificates, credentials, and the transfer of images into the store.
//
// What arrives is checked against its digest before it becomes visible, and
// only what the wanted platforms need is fetched. The package refuses plain
// HTTP except to this host and to mirrors that are configured so, and
// manifests larger than the store accepts. It keeps nothing outside of the
// store.
//
// It speaks the OCI distribution specification.
package registry
