// Command matrix runs every group of operations against a server and prints one JSON object per line: the
// client, each group's verdict, and whether nothing failed. Arguments are the groups to run, none means all.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"fanlight/compat/internal/client"
	"fanlight/compat/internal/matrix"
)

func main() {
	passed, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	say(map[string]any{"program": "matrix", "ok": passed && err == nil})
	if !passed || err != nil {
		os.Exit(1)
	}
}

func run(groups []string) (bool, error) {
	say(map[string]string{"client": "aws-sdk-go-v2/service/kinesis", "version": client.Version()})
	seconds, err := strconv.Atoi(os.Getenv("FANLIGHT_SUBSCRIPTION_SECS"))
	if err != nil {
		return false, fmt.Errorf("FANLIGHT_SUBSCRIPTION_SECS: %w", err)
	}
	kinesis, err := client.New(context.Background())
	if err != nil {
		return false, err
	}
	tell := func(verdict matrix.Verdict) { say(verdict) }
	return matrix.Run(kinesis, time.Duration(seconds)*time.Second, groups, tell), nil
}

// say prints one line.
func say(object any) {
	if err := json.NewEncoder(os.Stdout).Encode(object); err != nil {
		panic(err)
	}
}
