package main

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// addEntropyRequest is RNDADDENTROPY of linux/random.h.
const addEntropyRequest = 0x40085203

// isReady reports whether the kernel's generator has been seeded.
func isReady() (bool, error) {
	var b [1]byte
	_, err := unix.Getrandom(b[:], unix.GRND_NONBLOCK)
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	return err == nil, err
}

// poolInfo encodes struct rand_pool_info of linux/random.h: two ints, the
// credited bits and the number of bytes, followed by those bytes.
func poolInfo(data []byte) []byte {
	info := make([]byte, 8, 8+len(data))
	binary.NativeEndian.PutUint32(info, uint32(8*len(data)))
	binary.NativeEndian.PutUint32(info[4:], uint32(len(data)))
	return append(info, data...)
}

// addEntropy mixes data into the pool and credits all its bits.
func addEntropy(pool *os.File, data []byte) error {
	return ioctl(pool, addEntropyRequest, poolInfo(data))
}
