package sbom

import (
	"bytes"
	"io"
	"os"
)

// maxMemory is how many bytes of a list are kept in memory; a longer one goes
// to a temporary file.
const maxMemory = 8 << 20

// spool holds what is written to it. The zero value is empty.
type spool struct {
	size   int64
	memory bytes.Buffer
	file   *os.File
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.memory.Write(p)
	s.size += int64(n)
	if err == nil && s.memory.Len() > maxMemory {
		err = s.flush()
	}
	return n, err
}

// flush moves what is in memory to the file, which has no name.
func (s *spool) flush() (err error) {
	if s.file == nil {
		if s.file, err = os.CreateTemp("", "linuxkit-sbom-*"); err != nil {
			return err
		}
		os.Remove(s.file.Name())
	}
	_, err = s.memory.WriteTo(s.file)
	return err
}

// reader reads everything that was written so far.
func (s *spool) reader() io.Reader {
	rest := bytes.NewReader(s.memory.Bytes())
	if s.file == nil {
		return rest
	}
	return io.MultiReader(io.NewSectionReader(s.file, 0, s.size-int64(s.memory.Len())), rest)
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name()) // where open files cannot be removed
	}
}
