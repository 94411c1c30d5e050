package main

// rdtsc reads the time stamp counter.
func rdtsc() uint64

// instructions returns the time stamp counter. An emulator that runs one
// instruction for each nanosecond of its clock counts them there.
func instructions() (uint64, error) { return rdtsc(), nil }
