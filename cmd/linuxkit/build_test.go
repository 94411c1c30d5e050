package main

import "testing"

func TestDiskSize(t *testing.T) {
	for text, want := range map[string]int64{"512M": 512 << 20, "1G": 1 << 30, "2": 2 << 30, "1024M": 1 << 30} {
		if got, err := diskSize(text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "0M", "abc", "1.5G", "1g", "1K", "-1", " 1", "99999999999999999999"} {
		if _, err := diskSize(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
