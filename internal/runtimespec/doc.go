// Package runtimespec turns a container of the configuration and the
// configuration of its image into the two files of its bundle: config.json,
// which is that of the OCI runtime specification, and runtime.json, which
// tells init what to do around the container.
//
// It owns the defaults of both and the form of their text, and refuses what
// would fail at boot only: a container without a command, unknown volumes,
// capabilities and limits. It reads and writes no files, and knows nothing of
// image labels: settings are merged with those before.
package runtimespec
