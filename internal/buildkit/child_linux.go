package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// daemonName is the program that is looked for on the PATH.
const daemonName = "buildkitd"

const (
	// startTime is how long a daemon may take to be ready.
	startTime = 60 * time.Second
	// stopTime is how long it may take to end.
	stopTime = 15 * time.Second
)

// child is a buildkitd that runs on this host for all processes of one user.
// The first that needs it starts it; each holds a shared lock while it uses it;
// the last one stops it. A daemon whose users were all killed is stopped by
// the next user.
type child struct {
	program string
	// run is the directory of socket, locks and log; root that of its state.
	run, root string
	config    configFiles // for the directory "config" below run
	users     *os.File    // locked shared
}

// findChild returns a way to run buildkitd, not running yet.
func findChild(configFile string) (*child, error) {
	program, err := exec.LookPath(daemonName)
	if err != nil {
		return nil, fmt.Errorf("%s is not on the PATH", daemonName)
	}
	run, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	d := &child{program: program, run: filepath.Join(run, "default"), root: filepath.Join(home, ".linuxkit", "buildkit", "default")}
	if configFile == "" {
		return d, nil
	}
	files, err := loadConfig(configFile, configDir)
	if err != nil {
		return nil, err
	}
	// Other certificates are for the next start: the state stays.
	key := configFiles{configName: files[configName]}.hash()[:16]
	d.run, d.root = filepath.Join(run, key), filepath.Join(filepath.Dir(d.root), key)
	d.config, err = loadConfig(configFile, d.file("config"))
	return d, err
}

// runtimeDir is a directory that only this user can write to.
func runtimeDir() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "linuxkit-"+strconv.Itoa(os.Getuid()))
	} else {
		dir = filepath.Join(dir, "linuxkit")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("directory %s belongs to somebody else or is open to others; remove it or set XDG_RUNTIME_DIR", dir)
	}
	return dir, nil
}

func (d *child) address() string { return "unix://" + filepath.Join(d.run, "buildkitd.sock") }

func (d *child) file(name string) string { return filepath.Join(d.run, name) }

// lock opens a file of the runtime directory and locks it.
func (d *child) lock(ctx context.Context, name string, how int) (*os.File, error) {
	f, err := os.OpenFile(d.file(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// start makes sure that the daemon runs, and that it goes on until stop.
func (d *child) start(ctx context.Context) error {
	if err := os.MkdirAll(d.run, 0o700); err != nil {
		return err
	}
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		return err
	}
	starting, err := d.lock(ctx, "start.lock", unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer starting.Close()
	if d.users, err = d.lock(ctx, "users.lock", unix.LOCK_SH); err != nil {
		return err
	}
	if d.answers(ctx) {
		progress.Debugf(ctx, "using the %s that runs already", daemonName)
		return nil
	}
	if err := d.launch(ctx); err != nil {
		d.users.Close()
		return err
	}
	return nil
}

func (d *child) answers(ctx context.Context) bool {
	c, err := dial(ctx, d.address())
	if err != nil {
		return false
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = c.ListWorkers(ctx)
	return err == nil
}

// launch starts the daemon in a session of its own, so that it outlives this
// process as long as others use it.
func (d *child) launch(ctx context.Context) error {
	log, err := os.Create(d.file("buildkitd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	argv, err := d.command()
	if err != nil {
		return err
	}
	if err := d.config.write(d.file("config")); err != nil {
		return err
	}
	progress.Infof(ctx, "starting %s", strings.Join(argv, " "))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", daemonName, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := os.WriteFile(d.file("pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		d.kill(ctx)
		return err
	}
	if err := d.await(ctx, ended); err != nil {
		d.kill(context.WithoutCancel(ctx))
		return err
	}
	return nil
}

func (d *child) await(ctx context.Context, ended <-chan error) error {
	limit := time.After(startTime)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("%s was not ready within %s:\n%s", daemonName, startTime, d.lastLog())
		case err := <-ended:
			return fmt.Errorf("%s ended at once (%w):\n%s", daemonName, err, d.lastLog())
		case <-time.After(100 * time.Millisecond):
			if d.answers(ctx) {
				return nil
			}
		}
	}
}

// command is the command line of the daemon: without root it runs in a user
// namespace, which rootlesskit makes.
func (d *child) command() ([]string, error) {
	argv := []string{d.program, "--addr", d.address(), "--root", d.root, "--otel-socket-path", d.file("otel.sock"), "--containerd-worker=false"}
	if len(d.config) > 0 {
		argv = append(argv, "--config", filepath.Join(d.file("config"), configName))
	}
	if os.Geteuid() == 0 {
		return argv, nil
	}
	kit, err := exec.LookPath("rootlesskit")
	if err != nil {
		return nil, fmt.Errorf("%s without root needs rootlesskit on the PATH (Debian packages rootlesskit and uidmap)", daemonName)
	}
	argv = append(argv, "--rootless", "--oci-worker-no-process-sandbox")
	return append([]string{kit, "--state-dir", d.file("rootlesskit")}, argv...), nil
}

// lastLog returns the end of what the daemon has written.
func (d *child) lastLog() string {
	f, err := os.Open(d.file("buildkitd.log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4000 {
		f.Seek(-4000, io.SeekEnd)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data))
}

// stop ends the use of the daemon, and the daemon if nobody else uses it.
func (d *child) stop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	starting, err := d.lock(ctx, "start.lock", unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer starting.Close()
	d.users.Close()
	users, err := os.OpenFile(d.file("users.lock"), os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer users.Close()
	if unix.Flock(int(users.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	return d.kill(ctx)
}

// kill stops the process that the pid file names, if it is still the daemon.
func (d *child) kill(ctx context.Context) error {
	data, err := os.ReadFile(d.file("pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil || !d.isDaemon(pid) {
		return nil
	}
	progress.Debugf(ctx, "stopping %s", daemonName)
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", daemonName, err)
	}
	limit := time.Now().Add(stopTime)
	for d.isDaemon(pid) {
		if time.Now().After(limit) {
			return fmt.Errorf("%s (process %d) does not stop", daemonName, pid)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// isDaemon tells whether a process was started with our socket. One that has
// ended has no command line.
func (d *child) isDaemon(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(data), d.address())
}
