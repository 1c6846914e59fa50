// Package client makes the SDK's client of the server under test, as an application would, for one transport.
package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const sdk = "github.com/aws/aws-sdk-go-v2/service/kinesis"

// attemptsMax is more than the SDK's own three: calls are meant to meet the service's throttles here.
const attemptsMax = 8

// New makes a client of FANLIGHT_ENDPOINT that goes over FANLIGHT_TRANSPORT. Keys, region and, with TLS, the
// certificate to trust come from the AWS_* variables, which the SDK reads by itself.
func New(ctx context.Context) (*kinesis.Client, error) {
	transport := os.Getenv("FANLIGHT_TRANSPORT")
	base, err := baseClient(transport)
	if err != nil {
		return nil, err
	}
	settings, err := config.LoadDefaultConfig(ctx,
		config.WithBaseEndpoint(os.Getenv("FANLIGHT_ENDPOINT")),
		config.WithHTTPClient(base),
		config.WithRetryMaxAttempts(attemptsMax),
	)
	if err != nil {
		return nil, err
	}
	return kinesis.NewFromConfig(settings, func(o *kinesis.Options) {
		o.APIOptions = append(o.APIOptions, only(transport), plainBodies)
	}), nil
}

// Version tells which SDK is compiled in.
func Version() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == sdk {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}

// baseClient is the SDK's own HTTP client. Left alone, it speaks HTTP/1.1 without TLS and negotiates HTTP/2
// with it; only the other two transports have to be asked for.
func baseClient(transport string) (*awshttp.BuildableClient, error) {
	base := awshttp.NewBuildableClient()
	protocols := new(http.Protocols)
	switch transport {
	case "http1", "h2-tls":
		return base, nil
	case "http1-tls":
		protocols.SetHTTP1(true)
	case "h2c":
		protocols.SetUnencryptedHTTP2(true)
	default:
		return nil, fmt.Errorf("FANLIGHT_TRANSPORT=%q: http1, http1-tls, h2-tls and h2c are known", transport)
	}
	return base.WithTransportOptions(func(it *http.Transport) { it.Protocols = protocols }), nil
}

// only fails every call whose answer came over something else than the transport, so that no run can pass by
// having quietly fallen back.
func only(transport string) func(*middleware.Stack) error {
	major, encrypted := 1, strings.HasSuffix(transport, "-tls")
	if strings.HasPrefix(transport, "h2") {
		major = 2
	}
	look := func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
			if over := answer.TLS != nil; answer.ProtoMajor != major || over != encrypted {
				err = fmt.Errorf("asked for %s, answered over %s, TLS %t", transport, answer.Proto, over)
			}
		}
		return out, metadata, err
	}
	return func(stack *middleware.Stack) error {
		step := middleware.DeserializeMiddlewareFunc("OnlyTransport", look)
		return stack.Deserialize.Add(step, middleware.After)
	}
}

// plainBodies hides from net/http that a request's body can write itself. The SDK closes the body once the
// answer is there, and a body that writes itself calls that an error (smithy-go 1.28.9, issue 1825 of
// aws-sdk-go-v2): over HTTP/1.1 a server that answers at once would have its connection closed, and with it
// the events of a subscription.
func plainBodies(stack *middleware.Stack) error {
	wrap := func(
		ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
	) (middleware.BuildOutput, middleware.Metadata, error) {
		if request, ok := in.Request.(*smithyhttp.Request); ok {
			if body, ok := request.GetStream().(io.ReadSeeker); ok {
				plain, err := request.SetStream(struct{ io.ReadSeeker }{body})
				if err != nil {
					return middleware.BuildOutput{}, middleware.Metadata{}, err
				}
				in.Request = plain
			}
		}
		return next.HandleBuild(ctx, in)
	}
	return stack.Build.Add(middleware.BuildMiddlewareFunc("PlainBodies", wrap), middleware.Before)
}
