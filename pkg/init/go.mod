module github.com/linuxkit/linuxkit/pkg/init

go 1.26.0

require (
	github.com/pelletier/go-toml/v2 v2.4.3
	golang.org/x/net v0.58.0
	golang.org/x/sys v0.50.0
	google.golang.org/protobuf v1.36.12
)
