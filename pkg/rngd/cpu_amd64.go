package main

import (
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/sys/cpu"
)

// attempts is how often an instruction is tried before it counts as failing;
// the processor's makers advise ten for RDRAND, RDSEED may take longer.
const attempts = 1000

// rdseed and rdrand execute the instructions of these names once; ok is false
// if no number was available.
func rdseed() (n uint64, ok bool)
func rdrand() (n uint64, ok bool)

// cpuSource returns a reader of the processor's random numbers, or nil.
func cpuSource(noRdseed, noRdrand bool) io.Reader {
	switch {
	case cpu.X86.HasRDSEED && !noRdseed:
		return instruction(rdseed)
	case cpu.X86.HasRDRAND && !noRdrand:
		return instruction(rdrand)
	default:
		return nil
	}
}

type instruction func() (uint64, bool)

// Read fills p with random numbers.
func (i instruction) Read(p []byte) (int, error) {
	var word [8]byte
	for n := 0; n < len(p); {
		v, err := i.next()
		if err != nil {
			return n, err
		}
		binary.LittleEndian.PutUint64(word[:], v)
		n += copy(p[n:], word[:])
	}
	return len(p), nil
}

func (i instruction) next() (uint64, error) {
	for range attempts {
		if n, ok := i(); ok {
			return n, nil
		}
	}
	return 0, errors.New("the processor gives no random numbers")
}
