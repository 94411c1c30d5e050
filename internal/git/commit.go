package git

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Time returns when a commit was made, in UTC.
func (r *Repository) Time(ctx context.Context, commit string) (time.Time, error) {
	if err := checkName(commit); err != nil {
		return time.Time{}, err
	}
	text, err := r.revisions.do("time\x00"+commit, func() (string, error) {
		return run(ctx, r.top, "show", "--no-patch", "--no-show-signature", "--format=%ct", commit)
	})
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("unable to parse the time of commit %s: %q", commit, text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// TagsAt returns the names of the tags of a commit, sorted.
func (r *Repository) TagsAt(ctx context.Context, commit string) ([]string, error) {
	if err := checkName(commit); err != nil {
		return nil, err
	}
	out, err := run(ctx, r.top, "tag", "--list", "--sort=refname", "--points-at", commit)
	return strings.Fields(out), err
}
