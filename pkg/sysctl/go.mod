module github.com/linuxkit/linuxkit/pkg/sysctl

go 1.26.0
