package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"text/tabwriter"

	"github.com/linuxkit/linuxkit/internal/registrytest"
)

// pulls is how often each program pulls.
const pulls = 5

// pulled is where the image goes.
const pulled = dir + "/pulled"

// puller is a program that can pull an image into an OCI image layout.
type puller struct {
	name string
	args func(image, dir string) []string
	// rounds are what its pulls took, cost is the median.
	rounds []cost
	cost
}

// benchPull compares pulling a large image from a registry on this host with
// what others take for it, one after the other so that all suffer the same.
func benchPull(ctx context.Context, table *tabwriter.Writer) error {
	r, err := startRegistry()
	if err != nil {
		return err
	}
	defer r.Stop()
	image := r.Host + "/bench/image:1"
	crane := filepath.Join(dir, "crane")
	if err := execute(ctx, "go", "build", "-o", crane, "./test/bench/crane"); err != nil {
		return err
	}
	if err := execute(ctx, crane, "ensure", image); err != nil {
		return err
	}
	all := pullers(crane)
	defer os.RemoveAll(pulled)
	if err := timePulls(ctx, all, image); err != nil {
		return err
	}
	ours, others := all[0], all[1:]
	row(table, "pull of an image of 500 MB in 8 layers", fmt.Sprintf("%.2f s", ours.wall.Seconds()), "")
	for _, p := range others {
		row(table, "the same with "+p.name, fmt.Sprintf("%.2f s, %s", p.wall.Seconds(), mib(p.peak)), "")
	}
	best := slices.MinFunc(others, func(a, b *puller) int { return cmp.Compare(a.wall, b.wall) })
	row(table, "speed over the faster of these, median of rounds", fmt.Sprintf("%.2f ×", speed(ours, best)), "≥ 1.0 ×")
	row(table, "peak memory of the pull", mib(ours.peak), "≤ 64 MiB")
	return countRequests(ctx, table, r)
}

// startRegistry starts one that keeps what earlier benchmarks sent to it.
func startRegistry() (*registrytest.Registry, error) {
	home, err := filepath.Abs(filepath.Join(dir, "registry"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	return registrytest.Run(home, registrytest.Options{})
}

func pullers(crane string) []*puller {
	all := []*puller{
		{name: "linuxkit", args: func(image, dir string) []string {
			return []string{tool, "-q", "--cache", dir, "cache", "pull", image}
		}},
		{name: "the library of crane", args: func(image, dir string) []string {
			return []string{crane, "pull", image, dir}
		}},
	}
	if skopeo, err := exec.LookPath("skopeo"); err == nil {
		all = append(all, &puller{name: "skopeo", args: func(image, dir string) []string {
			return []string{skopeo, "--insecure-policy", "copy", "-q", "--src-tls-verify=false", "docker://" + image, "oci:" + dir + ":1"}
		}})
	}
	return all
}

// timePulls measures all programs in each round, each time another one first.
func timePulls(ctx context.Context, all []*puller, image string) error {
	for round := range pulls {
		for i := range all {
			p := all[(round+i)%len(all)]
			c, err := pullOnce(ctx, p, image)
			if err != nil {
				return err
			}
			p.rounds = append(p.rounds, c)
		}
	}
	for _, p := range all {
		p.cost = middle(p.rounds)
	}
	return nil
}

// speed compares within each round, for what else the host does changes from
// one to the next.
func speed(ours, other *puller) float64 {
	var ratios []float64
	for i, c := range ours.rounds {
		ratios = append(ratios, other.rounds[i].wall.Seconds()/c.wall.Seconds())
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// pullOnce pulls into an empty directory, after what others wrote is on disk.
func pullOnce(ctx context.Context, p *puller, image string) (cost, error) {
	if err := os.RemoveAll(pulled); err != nil {
		return cost{}, err
	}
	if err := execute(ctx, "sync", "-f", dir); err != nil {
		return cost{}, err
	}
	args := p.args(image, pulled)
	return measure(ctx, nil, args[0], args[1:]...)
}

func execute(ctx context.Context, name string, args ...string) error {
	_, err := measure(ctx, nil, name, args...)
	return err
}

// countRequests pulls what is there already through a proxy that counts.
func countRequests(ctx context.Context, table *tabwriter.Writer, r *registrytest.Registry) error {
	target, err := url.Parse(r.URL())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var count atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		proxy.ServeHTTP(w, r)
	})}
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	cache := filepath.Join(dir, "pulled-again")
	if err := os.RemoveAll(cache); err != nil {
		return err
	}
	var again cost
	for range 2 {
		count.Store(0)
		if again, err = run(ctx, nil, "-q", "--cache", cache, "cache", "pull", l.Addr().String()+"/bench/image:1"); err != nil {
			return err
		}
	}
	row(table, "requests of a second pull", strconv.FormatInt(count.Load(), 10), "1")
	row(table, "time of a second pull", fmt.Sprintf("%.2f s", again.wall.Seconds()), "")
	return os.RemoveAll(cache)
}
