package config

import _ "embed"

// Schema is the JSON schema (draft 2020-12) of a configuration document, for
// editors and other programs. It accepts what [Decode] and [Config.Validate]
// accept, except for rules that join several values.
//
//go:embed schema.json
var Schema []byte
