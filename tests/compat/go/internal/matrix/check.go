package matrix

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/smithy-go"
)

// failure is a broken expectation. It travels by panic, as testing.T's travel by Goexit, so that a group
// reads as what it does: a list of calls and of what is expected of them.
type failure struct{ error }

// absence says that the client cannot do what a group is about.
type absence struct{ why string }

// errNoEnd is what a bounded loop comes to.
var errNoEnd = errors.New("it does not come to an end")

// must answers the value of a call that has to succeed.
func must[T any](value T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return value
}

// check fails the group unless ok.
func check(ok bool, format string, arguments ...any) {
	if !ok {
		panic(failure{fmt.Errorf(format, arguments...)})
	}
}

// equal fails the group unless the two are.
func equal[T comparable](what string, got, want T) {
	check(got == want, "%s: %v, not %v", what, got, want)
}

// equalLists fails the group unless the lists are equal, and tells the first place where they differ.
func equalLists[T comparable](what string, got, want []T) {
	for i := range min(len(got), len(want)) {
		check(got[i] == want[i], "%s: %v at %d, not %v", what, got[i], i, want[i])
	}
	check(len(got) == len(want), "%s: %d came, not %d", what, len(got), len(want))
}

// equalSets is equalLists without regard to order.
func equalSets(what string, got, want []string) {
	equalLists(what, slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}

// refused answers the error of a call, which has to be of this modelled class and to say something.
func refused[E smithy.APIError, T any](_ T, err error) E {
	var refusal E
	check(err != nil, "answered, where %T was due", refusal)
	check(errors.As(err, &refusal), "%v, where %T was due", err, refusal)
	check(refusal.ErrorMessage() != "", "%T without a message", refusal)
	return refusal
}

// together runs each function on a goroutine of its own, waits for all of them, and passes a failure on.
func together(functions ...func()) {
	var (
		all    sync.WaitGroup
		thrown = make(chan any, len(functions))
	)
	for _, each := range functions {
		all.Add(1)
		go func() {
			defer all.Done()
			defer func() {
				if it := recover(); it != nil {
					thrown <- it
				}
			}()
			each()
		}()
	}
	all.Wait()
	select {
	case it := <-thrown:
		panic(it)
	default:
	}
}
