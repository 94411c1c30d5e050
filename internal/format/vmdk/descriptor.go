package vmdk

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// descriptor returns the text that describes the disk.
func descriptor(capacity int64, opts Options) string {
	const heads, sectors = 255, 63
	return fmt.Sprintf(`# Disk DescriptorFile
version=1
CID=%08x
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW %d SPARSE "%s"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "%d"
ddb.geometry.sectors = "%d"
ddb.adapterType = "lsilogic"
`, opts.id(), capacity, opts.Name, capacity/heads/sectors, heads, sectors)
}

// id returns the content identifier; the two highest have meanings of their own.
func (o Options) id() uint32 {
	sum := sha256.Sum256(append([]byte("vmdk "), o.Seed...))
	return binary.BigEndian.Uint32(sum[:]) & 0x7fffffff
}
