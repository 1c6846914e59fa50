// Package matrix asks the server everything the SDK can, group by group, and judges the answers.
package matrix

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// groupTimeMax ends a group that waits for something that does not come.
const groupTimeMax = 90 * time.Second

// bench is what a group works with.
type bench struct {
	*kinesis.Client
	// life is how long the server lets a subscription live.
	life time.Duration
}

type group struct {
	name string
	run  func(context.Context, *bench)
}

var groups = []group{
	{"streams", streams},
	{"put", put},
	{"get", get},
	{"shards", shards},
	{"scaling", scaling},
	{"consumers", consumers},
	{"fan-out", fanOut},
	{"shard-end", shardEnd},
	{"takeover", takeover},
	{"retention", retention},
	{"monitoring", monitoring},
	{"encryption", encryption},
	{"modes", modes},
	{"tags", tags},
	{"policies", policies},
	{"errors", modelledErrors},
	{"throttles", throttles},
	{"large", large},
	{"queues and channels", queuesAndChannels},
}

// Verdict is what became of a group.
type Verdict struct {
	Group  string `json:"group"`
	OK     *bool  `json:"ok,omitempty"`
	Why    string `json:"why,omitempty"`
	Absent string `json:"absent,omitempty"`
}

// Run runs the groups named, or all if none is, tells each verdict as it comes, and answers whether nothing
// failed.
func Run(client *kinesis.Client, life time.Duration, names []string, tell func(Verdict)) bool {
	passed := true
	for _, each := range names {
		if !slices.ContainsFunc(groups, func(it group) bool { return it.name == each }) {
			tell(failed(each, "no group of this name"))
			passed = false
		}
	}
	for _, each := range groups {
		if len(names) > 0 && !slices.Contains(names, each.name) {
			continue
		}
		began := time.Now()
		verdict := each.judge(&bench{client, life})
		fmt.Fprintf(os.Stderr, "%s took %.1f s\n", each.name, time.Since(began).Seconds())
		tell(verdict)
		passed = passed && verdict.Why == ""
	}
	return passed
}

// judge runs the group; whatever breaks in it becomes its verdict.
func (it group) judge(b *bench) (verdict Verdict) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeMax)
	defer cancel()
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case absence:
			verdict = Verdict{Group: it.name, Absent: thrown.why}
		default:
			fmt.Fprintf(os.Stderr, "%s: %v\n%s\n", it.name, thrown, debug.Stack())
			verdict = failed(it.name, fmt.Sprint(thrown))
		}
	}()
	it.run(ctx, b)
	passed := true
	return Verdict{Group: it.name, OK: &passed}
}

func failed(name, why string) Verdict {
	passed := false
	return Verdict{Group: name, OK: &passed, Why: why}
}
