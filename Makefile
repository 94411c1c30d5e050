# Targets for people: demo, run, test, bench, lint. See README.md.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFILES     = $(shell git ls-files '*.go')
# Modules with code of their own; others only name a program of somebody else.
MODULES     = $(foreach m,$(dir $(shell git ls-files '*go.mod')),$(if $(shell git ls-files '$(m)*.go'),$(m)))
SETUP      ?= yes

.PHONY: all build demo run test bench crash lint cross setup-demo setup-test setup-bench clean

all: build

build:
	go build -trimpath -ldflags "-s -w -X main.version=$$(git describe --tags --always 2>/dev/null) -X main.commit=$$(git rev-parse HEAD)" -o bin/linuxkit ./cmd/linuxkit

setup-demo setup-test setup-bench:
	@test "$(SETUP)" != yes || scripts/setup $(@:setup-%=%)

# Builds the default system from source, boots it, shows it serving and shuts
# it down.
demo: setup-demo build
	go run ./test/demo

# Boots the default system with its console on this terminal.
run: setup-demo build
	mkdir -p build
	bin/linuxkit build --dir build linuxkit.yml
	bin/linuxkit run --publish 8080:80 build/linuxkit

test: setup-test lint build
	go run ./test/run $(MODULES)

bench: setup-bench build
	go run ./test/bench

# Kills processes that share a cache at random times, 200 times, and as often
# with a file system that is full at random points.
crash: setup-test
	CRASH_ROUNDS=200 go test -count=1 -timeout 30m -run 'TestKill|TestFullDisk' -v ./cmd/linuxkit

lint: cross
	@unformatted=$$(gofmt -l $(GOFILES)); test -z "$$unformatted" || { echo "not gofmt-clean:" $$unformatted >&2; exit 1; }
	@for m in $(MODULES); do (cd $$m && go vet ./... && go run $(STATICCHECK) ./...) || exit 1; done

# What needs no Linux has to work elsewhere too, and all of it with 32 bits.
cross:
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/linuxkit
	GOOS=windows GOARCH=amd64 go build -o /dev/null ./cmd/linuxkit
	GOOS=linux GOARCH=arm go build -o /dev/null ./cmd/linuxkit

clean:
	rm -rf bin build
