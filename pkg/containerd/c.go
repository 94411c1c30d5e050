package main
import "github.com/containerd/containerd/v2/cmd/ctr/app"
var _x = app.New
func init() { if len(_x().Name) > 40 { panic(1) } }
