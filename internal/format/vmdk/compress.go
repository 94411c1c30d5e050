package vmdk

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// packed is a compressed grain with its marker.
type packed struct {
	number int64
	data   []byte
}

// job is a batch of grains to compress.
type job struct {
	number int64 // of the batch
	done   chan result
}

type result struct {
	grains []packed
	err    error
}

// compress compresses all grains that hold data on all processors, and hands
// them to emit in order. No more batches are in memory than are worked on or ready to be.
func compress(ctx context.Context, im *disk.Image, level int, emit func([]packed) error) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	jobs, order := make(chan job), make(chan job, 2*workers)
	go feed(ctx, im.Blocks(batch*grain), jobs, order)
	for range workers {
		running.Go(func() { work(im, level, jobs) })
	}
	for j := range order {
		r := <-j.done
		if r.err != nil {
			return r.err
		}
		if err := emit(r.grains); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// feed sends a job for every batch, to be done and to be waited for.
func feed(ctx context.Context, runs disk.Runs, jobs, order chan<- job) {
	defer close(order)
	defer close(jobs)
	for _, r := range runs {
		for i := range r.Count {
			j := job{number: r.First + i, done: make(chan result, 1)}
			select {
			case jobs <- j:
			case <-ctx.Done():
				return
			}
			select {
			case order <- j:
			case <-ctx.Done():
				return
			}
		}
	}
}

// work does jobs until there are no more.
func work(im *disk.Image, level int, jobs <-chan job) {
	data := make([]byte, batch*grain)
	var z *zlib.Writer
	for j := range jobs {
		var r result
		if z == nil {
			z, r.err = zlib.NewWriterLevel(nil, level)
		}
		if r.err == nil {
			r.grains, r.err = pack(im, z, j.number, data)
		}
		j.done <- r
	}
}

// pack compresses the grains of a batch that are not zero.
func pack(im *disk.Image, z *zlib.Writer, number int64, data []byte) ([]packed, error) {
	start := number * batch * grain
	data = data[:min(int64(len(data)), im.Size-start)]
	if n, err := im.ReadAt(data, start); n < len(data) {
		return nil, fmt.Errorf("read %d bytes at %d: %w", len(data), start, err)
	}
	var grains []packed
	for at := 0; at < len(data); at += grain {
		g := data[at : at+grain]
		if zero(g) {
			continue
		}
		first := number*batch + int64(at/grain)
		b, err := deflate(z, first*grainSectors, g)
		if err != nil {
			return nil, err
		}
		grains = append(grains, packed{number: first, data: b})
	}
	return grains, nil
}

// zero tells whether all bytes are.
func zero(b []byte) bool {
	return b[0] == 0 && bytes.Equal(b[:len(b)-1], b[1:])
}

// deflate returns a compressed grain behind its marker, which has the first sector and the length.
func deflate(z *zlib.Writer, sector int64, g []byte) ([]byte, error) {
	const marker = 12
	b := bytes.NewBuffer(make([]byte, marker, marker+len(g)/2))
	z.Reset(b)
	if _, err := z.Write(g); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	data := b.Bytes()
	le.PutUint64(data, uint64(sector))
	le.PutUint32(data[8:], uint32(len(data)-marker))
	return data, nil
}
