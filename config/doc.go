// Package config owns the image configuration: the yaml that describes a
// system, its types, strict decoding with positions, merging of several
// documents, templates, and the merge with the label of an image.
//
// It reads documents and nothing else: it fetches no image, looks at no cache
// and writes no file.
package config
