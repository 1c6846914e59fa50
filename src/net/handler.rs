//! What a connection asks of the code that answers requests: one call per request. Tests put their own
//! handler here; the server puts [`Service`].

use std::rc::Rc;

use crate::api::{Body, Reply, Request, Service};
use crate::push::{EventSink, EventStream};

/// Answers requests; shared by all connections of one thread.
pub trait Handler: 'static {
    /// The event streams it answers with.
    type Events: Drive;

    /// Answers one request. The future is dropped, at any await, once the client has gone.
    fn call(self: Rc<Self>, request: Request) -> impl Future<Output = Answer<Self::Events>>;
}

/// An event stream that sends itself into the connection it was asked on.
pub trait Drive: 'static {
    /// Sends events until the stream ends or the client goes; finishes the sink if it ended.
    fn drive(self, sink: impl EventSink + 'static) -> impl Future<Output = ()>;
}

/// What a handler answers.
pub enum Answer<E> {
    /// A complete response; the connection adds `Content-Length` and `Date`.
    Whole(http::Response<Body>),
    /// A head to send at once, then events.
    Events(http::Response<()>, E),
}

impl Handler for Service {
    type Events = EventStream;

    async fn call(self: Rc<Self>, request: Request) -> Answer<EventStream> {
        match Service::call(self, request).await {
            Reply::Whole(response) => Answer::Whole(response),
            Reply::Events(head, events) => Answer::Events(head, *events),
        }
    }
}

impl Drive for EventStream {
    async fn drive(self, sink: impl EventSink + 'static) {
        EventStream::drive(self, sink).await;
    }
}
