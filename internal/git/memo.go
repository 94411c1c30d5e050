package git

import "sync"

// memo remembers successful answers by key. Concurrent questions for one key
// are asked once; a failure is told to those who waited and then forgotten.
type memo[V any] struct {
	mu      sync.Mutex
	entries map[string]*answer[V]
}

type answer[V any] struct {
	once  sync.Once
	value V
	err   error
}

func (m *memo[V]) do(key string, ask func() (V, error)) (V, error) {
	a := m.entry(key)
	a.once.Do(func() { a.value, a.err = ask() })
	if a.err != nil {
		m.forget(key, a)
	}
	return a.value, a.err
}

func (m *memo[V]) entry(key string) *answer[V] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[string]*answer[V]{}
	}
	a := m.entries[key]
	if a == nil {
		a = &answer[V]{}
		m.entries[key] = a
	}
	return a
}

func (m *memo[V]) forget(key string, a *answer[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[key] == a {
		delete(m.entries, key)
	}
}
