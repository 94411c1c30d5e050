package ctrd

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is an encoded protocol buffer.
type message []byte

func (m message) string(number protowire.Number, value string) message {
	return m.bytes(number, []byte(value))
}

// bytes appends a field of bytes, text or another message; an empty one is left
// out, as it is what a missing one means.
func (m message) bytes(number protowire.Number, value []byte) message {
	if len(value) == 0 {
		return m
	}
	return protowire.AppendBytes(protowire.AppendTag(m, number, protowire.BytesType), value)
}

func (m message) varint(number protowire.Number, value uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, number, protowire.VarintType), value)
}

// fields calls visit for every field: bytes for what has a length, value for
// numbers.
func (m message) fields(visit func(number protowire.Number, bytes []byte, value uint64) error) error {
	for len(m) > 0 {
		number, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return fmt.Errorf("decode the answer of containerd: %w", protowire.ParseError(n))
		}
		m = m[n:]
		var bytes []byte
		var value uint64
		switch kind {
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(m)
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(m)
		default:
			n = protowire.ConsumeFieldValue(number, kind, m)
		}
		if n < 0 {
			return fmt.Errorf("decode the answer of containerd: %w", protowire.ParseError(n))
		}
		m = m[n:]
		if err := visit(number, bytes, value); err != nil {
			return err
		}
	}
	return nil
}

// text is the last value of a field of text.
func (m message) text(number protowire.Number) (text string, err error) {
	err = m.fields(func(n protowire.Number, bytes []byte, _ uint64) error {
		if n == number {
			text = string(bytes)
		}
		return nil
	})
	return text, err
}
