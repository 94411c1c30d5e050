package qemu

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// monitor talks to QEMU by its machine protocol, QMP.
type monitor struct {
	conn   io.ReadWriteCloser
	onto   func(event)
	closed chan struct{} // when QEMU has gone

	mu      sync.Mutex
	pending chan reply // of the command under way
}

// event is what QEMU tells without being asked.
type event struct {
	Name string `json:"event"`
	Data struct {
		Guest  bool   `json:"guest"`
		Reason string `json:"reason"`
	} `json:"data"`
}

type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
}

// newMonitor starts to listen on conn. Events go to onto, one after the other.
func newMonitor(conn io.ReadWriteCloser, onto func(event)) *monitor {
	m := &monitor{conn: conn, onto: onto, closed: make(chan struct{}), pending: make(chan reply, 1)}
	go m.listen()
	return m
}

func (m *monitor) listen() {
	defer close(m.closed)
	for dec := json.NewDecoder(m.conn); ; {
		var msg struct {
			event
			reply
			Greeting json.RawMessage `json:"QMP"`
		}
		if err := dec.Decode(&msg); err != nil {
			return
		}
		switch {
		case msg.Name != "":
			m.onto(msg.event)
		case msg.Greeting == nil:
			m.answer(msg.reply)
		}
	}
}

// answer hands r to the command that waits; nobody waits for surplus answers.
func (m *monitor) answer(r reply) {
	select {
	case m.pending <- r:
	default:
	}
}

// do runs a command and waits for its end or QEMU's.
func (m *monitor) do(command string, arguments any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg, err := json.Marshal(map[string]any{"execute": command, "arguments": arguments})
	if err != nil {
		return err
	}
	if _, err := m.conn.Write(append(msg, '\n')); err != nil {
		return fmt.Errorf("asking QEMU to %s: %w", command, err)
	}
	select {
	case r := <-m.pending:
		if r.Error != nil {
			return fmt.Errorf("asking QEMU to %s: %s", command, r.Error.Desc)
		}
		return nil
	case <-m.closed:
		return fmt.Errorf("asking QEMU to %s: it has gone", command)
	}
}

type none struct{}

// greet ends the negotiation, before which QEMU takes no command.
func (m *monitor) greet() error { return m.do("qmp_capabilities", none{}) }

// endOnReset makes a reset of the guest, from now on, the end of the machine.
func (m *monitor) endOnReset() error {
	return m.do("set-action", map[string]string{"reboot": "shutdown"})
}

// pressCtrlAltDel presses the keys on the guest's keyboard.
func (m *monitor) pressCtrlAltDel() error {
	type key struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	keys := []key{{"qcode", "ctrl"}, {"qcode", "alt"}, {"qcode", "delete"}}
	return m.do("send-key", map[string]any{"keys": keys})
}

// pressPower presses the guest's power button.
func (m *monitor) pressPower() error { return m.do("system_powerdown", none{}) }

// quit ends QEMU at once.
func (m *monitor) quit() error { return m.do("quit", none{}) }
