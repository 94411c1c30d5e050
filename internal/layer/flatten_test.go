package layer

import (
	"errors"
	"slices"
	"testing"
)

func TestFlatten(t *testing.T) {
	for name, c := range map[string]struct {
		layers [][]string
		want   []string
	}{
		"whiteout":                   {[][]string{{"dir a", "file a/x 1", "file a/y 2"}, {"file a/.wh.x"}}, []string{"dir a", "file a/y 2"}},
		"whiteout of a directory":    {[][]string{{"dir a", "dir a/b", "file a/b/c 1"}, {"file .wh.a"}}, nil},
		"whiteout of nothing":        {[][]string{{"file a 1"}, {"file .wh.b", "file c/.wh.d", "file a/.wh.x"}}, []string{"file a 1"}},
		"whiteout, lower only":       {[][]string{{"file a 1"}, {"file a 2", "file .wh.a"}}, []string{"file a 2"}},
		"whiteout first":             {[][]string{{"file a 1"}, {"file .wh.a", "file a 2"}}, []string{"file a 2"}},
		"whiteout and directory":     {[][]string{{"dir a", "file a/x 1"}, {"dir a 700", "file .wh.a", "file a/y 2"}}, []string{"dir a 700", "file a/y 2"}},
		"whiteout in same layer":     {[][]string{{"file a 1", "file .wh.a"}}, []string{"file a 1"}},
		"whiteout undone above":      {[][]string{{"file a 1"}, {"file .wh.a"}, {"file a 3"}}, []string{"file a 3"}},
		"opaque":                     {[][]string{{"dir a", "file a/x 1"}, {"file a/.wh..wh..opq", "file a/y 2"}}, []string{"dir a", "file a/y 2"}},
		"opaque last":                {[][]string{{"dir a", "file a/x 1"}, {"dir a", "file a/y 2", "file a/.wh..wh..opq"}}, []string{"dir a", "file a/y 2"}},
		"opaque keeps metadata":      {[][]string{{"dir a 700", "file a/x 1"}, {"file a/.wh..wh..opq"}}, []string{"dir a 700"}},
		"opaque root":                {[][]string{{"dir a", "file a/x 1"}, {"file .wh..wh..opq", "file b 2"}}, []string{"file b 2"}},
		"opaque, deeper":             {[][]string{{"dir a", "dir a/b", "file a/b/x 1"}, {"dir a", "file a/.wh..wh..opq", "dir a/b"}}, []string{"dir a", "dir a/b"}},
		"union file system's own":    {[][]string{{"dir .wh..wh.plnk", "file .wh..wh.aufs", "file .wh..wh.plnk/1 x", "file a 1"}}, []string{"file a 1"}},
		"file over directory":        {[][]string{{"dir a", "file a/x 1"}, {"file a 2"}}, []string{"file a 2"}},
		"directory over file":        {[][]string{{"file a 1"}, {"dir a", "file a/x 2"}}, []string{"dir a", "file a/x 2"}},
		"symlink over directory":     {[][]string{{"dir a", "file a/x 1", "dir b"}, {"symlink a b"}}, []string{"dir b", "symlink a b"}},
		"directory over symlink":     {[][]string{{"dir b", "symlink a b"}, {"dir a", "file a/x 1"}}, []string{"dir b", "dir a", "file a/x 1"}},
		"implied over file":          {[][]string{{"dir b", "file a 1"}, {"file a/x 1"}}, []string{"dir b", "file a/x 1"}},
		"directory over directory":   {[][]string{{"dir a 700", "file a/x 1"}, {"dir a 711"}}, []string{"dir a 711", "file a/x 1"}},
		"other types":                {[][]string{{"fifo f", "char c", "symlink s /t"}}, []string{"fifo f", "char c", "symlink s /t"}},
		"duplicate file":             {[][]string{{"file a 1", "file b 2", "file a 3"}}, []string{"file b 2", "file a 3"}},
		"duplicate directory":        {[][]string{{"dir a 700", "file a/x 1", "dir a 711"}}, []string{"dir a 711", "file a/x 1"}},
		"duplicate, other type":      {[][]string{{"dir a", "file a/x 1", "file a 2"}}, []string{"file a 2"}},
		"duplicate becomes dir":      {[][]string{{"file a 2", "dir a", "file a/x 1"}}, []string{"dir a", "file a/x 1"}},
		"parents are not made up":    {[][]string{{"file a/b/c 1"}}, []string{"file a/b/c 1"}},
		"directory after content":    {[][]string{{"file a/b/c 1", "dir a/b", "dir a"}}, []string{"dir a", "dir a/b", "file a/b/c 1"}},
		"directory of upper layer":   {[][]string{{"file a/x 1"}, {"dir a"}}, []string{"dir a", "file a/x 1"}},
		"absolute name":              {[][]string{{"dir /", "file /a 1"}, {"file //a 2"}}, []string{"file a 2"}},
		"root entry":                 {[][]string{{"dir ./", "file ./a 1"}}, []string{"file a 1"}},
		"cleaned names are the same": {[][]string{{"file ./a/b 1"}, {"file a//./b 2"}}, []string{"file a/b 2"}},
		"case matters":               {[][]string{{"file a 1", "file A 2"}, {"file .wh.A"}}, []string{"file a 1"}},
		"no layers":                  {nil, nil},
		"empty layer":                {[][]string{{}, {"file a 1"}}, []string{"file a 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			checkFlatten(t, c.layers, c.want)
		})
	}
}

func checkFlatten(t *testing.T, layers [][]string, want []string) {
	t.Helper()
	got, err := flatten(t, stack(t, layers...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHardLinks(t *testing.T) {
	for name, c := range map[string]struct {
		layers [][]string
		want   []string
	}{
		"in one layer":         {[][]string{{"file a 1", "link b a", "file c 2", "link d b"}}, []string{"file a 1 x3", "link b a", "link d a", "file c 2"}},
		"to a lower layer":     {[][]string{{"file a 1"}, {"link b a"}}, []string{"file a 1 x2", "link b a"}},
		"target removed":       {[][]string{{"file a 1", "link b a", "link c a"}, {"file .wh.a"}}, []string{"file b 1 x2", "link c b"}},
		"target replaced":      {[][]string{{"file a 1", "link b a"}, {"file a 2"}}, []string{"file b 1", "file a 2"}},
		"replaced in layer":    {[][]string{{"file a 1", "link b a", "file a 2"}}, []string{"file b 1", "file a 2"}},
		"link removed":         {[][]string{{"file a 1", "link b a"}, {"file .wh.b"}}, []string{"file a 1"}},
		"all removed":          {[][]string{{"file a 1", "link b a"}, {"file .wh.b", "file .wh.a"}}, nil},
		"target later":         {[][]string{{"link b a", "file a 1"}}, []string{"file a 1 x2", "link b a"}},
		"later chain":          {[][]string{{"link c b", "link b a", "file a 1"}}, []string{"file a 1 x3", "link c a", "link b a"}},
		"own layer first":      {[][]string{{"file a 1"}, {"link b a", "file a 2"}}, []string{"file a 2 x2", "link b a"}},
		"target whited out":    {[][]string{{"file a 1"}, {"file .wh.a", "link b a"}}, []string{"file b 1"}},
		"to itself":            {[][]string{{"file a 1", "link a a"}}, []string{"file a 1"}},
		"to itself below":      {[][]string{{"file a 1"}, {"link a a"}}, []string{"file a 1"}},
		"to a symlink":         {[][]string{{"symlink s t", "link l s"}}, []string{"symlink s t x2", "link l s"}},
		"absolute target":      {[][]string{{"file a 1", "link b /a"}}, []string{"file a 1 x2", "link b a"}},
		"over a directory":     {[][]string{{"file a 1", "dir b", "file b/x 1"}, {"link b a"}}, []string{"file a 1 x2", "link b a"}},
		"from inside itself":   {[][]string{{"dir b", "file b/x 1", "link b b/x"}}, []string{"file b 1"}},
		"below later parent":   {[][]string{{"file a 1", "link d/b a", "dir d"}}, []string{"file a 1 x2", "dir d", "link d/b a"}},
		"dangling, replaced":   {[][]string{{"link b nothing", "file b 1"}}, []string{"file b 1"}},
		"pending, replaced":    {[][]string{{"link b a", "link c b", "file b 2", "file a 1"}}, []string{"file b 2 x2", "link c b", "file a 1"}},
		"chain through layers": {[][]string{{"file a 1"}, {"link b a", "file .wh.a"}, {"link c b", "file .wh.b"}}, []string{"file c 1"}},
	} {
		t.Run(name, func(t *testing.T) { checkFlatten(t, c.layers, c.want) })
	}
}

// TestBelowSymlinks has layers that put things below links of lower layers.
func TestBelowSymlinks(t *testing.T) {
	usr := []string{"dir usr", "dir usr/lib", "file usr/lib/a 1", "symlink lib usr/lib"}
	for name, c := range map[string]struct {
		layers [][]string
		want   []string
	}{
		"relative":          {[][]string{usr, {"file lib/b 2"}}, append(usr[:4:4], "file usr/lib/b 2")},
		"absolute":          {[][]string{{"dir usr", "symlink lib /usr"}, {"file lib/x/b 2"}}, []string{"dir usr", "symlink lib /usr", "file usr/x/b 2"}},
		"replaces":          {[][]string{usr, {"file lib/a 2"}}, []string{"dir usr", "dir usr/lib", "symlink lib usr/lib", "file usr/lib/a 2"}},
		"whiteout":          {[][]string{usr, {"file lib/.wh.a"}}, []string{"dir usr", "dir usr/lib", "symlink lib usr/lib"}},
		"opaque":            {[][]string{usr, {"file lib/.wh..wh..opq", "file lib/b 2"}}, []string{"dir usr", "dir usr/lib", "symlink lib usr/lib", "file usr/lib/b 2"}},
		"hard link":         {[][]string{usr, {"link lib/b lib/a"}}, []string{"dir usr", "dir usr/lib", "file usr/lib/a 1 x2", "link usr/lib/b usr/lib/a", "symlink lib usr/lib"}},
		"out of the root":   {[][]string{{"symlink a ../../b"}, {"file a/c 2"}}, []string{"symlink a ../../b", "file b/c 2"}},
		"to the root":       {[][]string{{"symlink a /"}, {"file a/c 2"}}, []string{"symlink a /", "file c 2"}},
		"through another":   {[][]string{{"symlink a b", "symlink b c"}, {"file a/d 2"}}, []string{"symlink a b", "symlink b c", "file c/d 2"}},
		"nowhere":           {[][]string{{"symlink a b"}, {"file a/c 2"}}, []string{"symlink a b", "file b/c 2"}},
		"replaced by layer": {[][]string{usr, {"dir lib", "file lib/b 2"}}, []string{"dir usr", "dir usr/lib", "file usr/lib/a 1", "dir lib", "file lib/b 2"}},
		"replaced later":    {[][]string{usr, {"file lib/b 2", "dir lib"}}, []string{"dir usr", "dir usr/lib", "file usr/lib/a 1", "dir lib", "file lib/b 2"}},
		"removed by layer":  {[][]string{usr, {"file lib/b 2", "file .wh.lib"}}, []string{"dir usr", "dir usr/lib", "file usr/lib/a 1", "file lib/b 2"}},
		"no link any more":  {[][]string{usr, {"file .wh.lib"}, {"file lib/b 2"}}, []string{"dir usr", "dir usr/lib", "file usr/lib/a 1", "file lib/b 2"}},
	} {
		t.Run(name, func(t *testing.T) { checkFlatten(t, c.layers, c.want) })
	}
}

func TestInvalid(t *testing.T) {
	for name, layers := range map[string][][]string{
		"dot dot":              {{"file ../a 1"}},
		"dot dot inside":       {{"file a/../b 1"}},
		"link out of the tree": {{"file a 1", "link b ../../a"}},
		"dangling link":        {{"link b a"}},
		"link to a directory":  {{"dir a", "link b a"}},
		"link to later dir":    {{"link b a", "dir a"}},
		"link to itself":       {{"link a a"}},
		"links in a circle":    {{"link a b", "link b a"}},
		"whiteout of dot dot":  {{"dir a"}, {"file a/.wh..."}},
		"whiteout of dot":      {{"dir a"}, {"file a/.wh.."}},
		"whiteout of no name":  {{"dir a"}, {"file a/.wh."}},
		"below a whiteout":     {{"file .wh.a/b 1"}},
		"below a file":         {{"file a 1", "file a/b 1"}},
		"below a symlink":      {{"symlink a b", "file a/b 1"}},
		"root is a file":       {{"file . 1"}},
		"symlinks in a circle": {{"symlink a b", "symlink b a"}, {"file a/c 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := flatten(t, stack(t, layers...), Options{})
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("got %q, %v, want ErrInvalid", got, err)
			}
			if len(got) > 0 {
				t.Errorf("emitted %q before the error", got)
			}
		})
	}
}
