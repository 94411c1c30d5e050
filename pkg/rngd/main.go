// Command rngd gives the kernel random numbers from the processor or from a
// hardware generator, so that programs which wait for them go on.
//
// With -1 it ends as soon as the kernel has enough; without, it keeps the pool
// filled. A kernel whose generator is ready needs nothing more: since Linux
// 5.18 it takes care of itself from then on.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0)
	oneShot := flag.Bool("1", false, "end as soon as the kernel has enough")
	noRdrand := flag.Bool("disable-rdrand", false, "do not use the RDRAND instruction")
	noRdseed := flag.Bool("disable-rdseed", false, "do not use the RDSEED instruction")
	flag.Parse()
	written, err := feed(*noRdseed, *noRdrand)
	if err != nil {
		log.Fatalf("rngd: %v", err)
	}
	fmt.Printf("the kernel's random generator is ready, %d bytes were added\n", written)
	if !*oneShot {
		waitForSignal()
	}
}

// errNoSource means that this machine has nothing to take numbers from.
var errNoSource = errors.New("no source of random numbers: neither RDSEED, RDRAND nor /dev/hwrng")

// feed adds random numbers until the kernel's generator is ready.
func feed(noRdseed, noRdrand bool) (written int, err error) {
	ready, err := isReady()
	if ready || err != nil {
		return 0, err
	}
	source, err := openSource(noRdseed, noRdrand)
	if err != nil {
		return 0, err
	}
	pool, err := os.OpenFile("/dev/random", os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	for !ready {
		var block [64]byte
		if _, err := io.ReadFull(source, block[:]); err != nil {
			return written, fmt.Errorf("read random numbers: %w", err)
		}
		if err := addEntropy(pool, block[:]); err != nil {
			return written, fmt.Errorf("add random numbers: %w", err)
		}
		written += len(block)
		if ready, err = isReady(); err != nil {
			return written, err
		}
	}
	return written, nil
}

// openSource returns the best source there is.
func openSource(noRdseed, noRdrand bool) (io.Reader, error) {
	if r := cpuSource(noRdseed, noRdrand); r != nil {
		return r, nil
	}
	f, err := os.Open("/dev/hwrng")
	if err != nil {
		return nil, errNoSource
	}
	return f, nil
}

func waitForSignal() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	<-stop
}
