package main

import (
	"strings"
	"testing"
)

func TestProgram(t *testing.T) {
	for line, want := range map[string]string{
		"/usr/bin/containerd":                                  daemonName,
		"containerd --log-level trace":                         daemonName,
		"containerd config default":                            daemonName,
		"/usr/bin/ctr -namespace x task ls":                    clientName,
		"/usr/bin/ctr -n x task ls":                            clientName,
		"ctr --namespace x task ls":                            clientName,
		"/usr/bin/containerd-shim-runc-v2 -info":               shimName,
		"containerd-shim-runc-v2 -namespace n -id i start":     shimName,
		"/usr/bin/containerd -namespace n -id i -address a":    shimName,
		"/usr/bin/containerd --address /run/x -l debug":        daemonName,
		"/usr/bin/containerd publish --topic t --namespace ns": daemonName,
	} {
		if got := program(strings.Fields(line)); got != want {
			t.Errorf("%q is %s, want %s", line, got, want)
		}
	}
}
