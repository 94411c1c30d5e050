package config

import "fmt"

// firstID is the number of the first container.
const firstID = 100

// IDs returns a function that gives the number an id stands for. Every
// container has a number, counted from 100 over onboot, onshutdown and
// services; of several with the same name the last one counts. "" and "root"
// are 0.
func (c *Config) IDs() func(ID) (uint32, error) {
	numbers := map[string]uint32{}
	next := uint32(firstID)
	for _, s := range c.sections() {
		for _, e := range s.entries {
			numbers[e.Name] = next
			next++
		}
	}
	return func(id ID) (uint32, error) {
		if id.IsNumber {
			return id.Number, nil
		}
		if id.Name == "" || id.Name == "root" {
			return 0, nil
		}
		n, ok := numbers[id.Name]
		if !ok {
			return 0, unknownID(id.Name)
		}
		return n, nil
	}
}

func unknownID(name string) error {
	for _, c := range name {
		if c < '0' || c > '9' {
			return fmt.Errorf("cannot find id %q; want a number, root, or the name of a container", clip(name))
		}
	}
	return fmt.Errorf("cannot find id %q: no container has this name; for a number leave out the quotes", clip(name))
}
