// Command soak reads the stream FANLIGHT_STREAM as the consumer FANLIGHT_CONSUMER, and prints a line for all
// that happens: ready, subscribed, record, end, trouble. It ends when its standard input does.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"fanlight/compat/internal/client"
	"fanlight/compat/internal/soak"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		defer stop()
		io.Copy(io.Discard, os.Stdin)
	}()
	kinesis, err := client.New(ctx)
	if err != nil {
		return err
	}
	var line sync.Mutex
	say := func(format string, arguments ...any) {
		line.Lock()
		defer line.Unlock()
		fmt.Printf(format+"\n", arguments...)
	}
	reader := &soak.Reader{Client: kinesis, Say: say}
	return reader.Run(ctx, os.Getenv("FANLIGHT_STREAM"), os.Getenv("FANLIGHT_CONSUMER"))
}
