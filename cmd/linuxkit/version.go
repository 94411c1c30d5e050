package main

// What the linker says about this build.
var version, commit = "unknown", "unknown"
