module github.com/linuxkit/linuxkit/pkg/init

go 1.26.0

require golang.org/x/sys v0.50.0

require (
	github.com/pelletier/go-toml/v2 v2.4.3 // indirect
	golang.org/x/net v0.58.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
