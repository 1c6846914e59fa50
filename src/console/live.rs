//! Server-sent events: how they are written, who may have how many, and the live figures. A viewer who does
//! not keep up is dropped: its browser comes back by itself.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_local;

use crate::limits::{CONSOLE_EVENTS_MAX, CONSOLE_LOOK, CONSOLE_VIEWERS_MAX};
use crate::types::StreamKey;

use super::query::Query;
use super::reply::{Failure, with_body};
use super::{Body, Console, show};

/// A viewer's event stream; dropping it ends it.
pub(super) struct Viewer {
    events: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// The viewer has gone, or does not keep up.
pub(super) struct Lost;

impl Viewer {
    /// Takes a place among the viewers; answers with the response that carries its events.
    pub(super) fn admit(console: &Console) -> Result<(Self, Response<Body>), Failure> {
        let place = Arc::clone(&console.viewers).try_acquire_owned().map_err(|_| {
            let text = format!("{CONSOLE_VIEWERS_MAX} live views are open: close one");
            Failure(StatusCode::SERVICE_UNAVAILABLE, "TooManyViewers", text)
        })?;
        let (events, receiver) = mpsc::channel(CONSOLE_EVENTS_MAX);
        let mut response = with_body(StatusCode::OK, "text/event-stream", Bytes::new());
        *response.body_mut() = Body::Events(receiver);
        Ok((Self { events, _place: place }, response))
    }

    /// Sends an event.
    pub(super) fn tell(&self, name: &str, data: &impl Display) -> Result<(), Lost> {
        self.send(format!("event: {name}\ndata: {data}\n\n"))
    }

    /// Shows that the connection still stands.
    pub(super) fn keep_alive(&self) -> Result<(), Lost> {
        self.send(": still here\n\n".to_owned())
    }

    /// Waits until the viewer has gone.
    pub(super) async fn gone(&self) {
        self.events.closed().await;
    }

    fn send(&self, text: String) -> Result<(), Lost> {
        self.events.try_send(text.into()).map_err(|_| Lost)
    }
}

/// Begins the live figures of the page that the query describes.
pub(super) fn begin(console: Arc<Console>, query: Query) -> Result<Response<Body>, Failure> {
    let key = if query.name.is_empty() { None } else { Some(query.key()?) };
    let (viewer, response) = Viewer::admit(&console)?;
    let showing = async move {
        let mut tick = tokio::time::interval(CONSOLE_LOOK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = viewer.gone() => return,
            }
            if tell(&console, &viewer, &query, key.as_ref()).await.is_err() {
                return;
            }
        }
    };
    drop(spawn_local(showing));
    Ok(response)
}

async fn tell(
    console: &Console,
    viewer: &Viewer,
    query: &Query,
    key: Option<&StreamKey>,
) -> Result<(), Lost> {
    let why_not_ready = (console.why_not_ready)();
    let Ok(overview) = console.board.overview().await else {
        return viewer.tell("overview", &json!({"ready": false, "why_not_ready": why_not_ready}));
    };
    viewer.tell("overview", &show::overview(&overview, query, why_not_ready))?;
    let Some(key) = key else { return Ok(()) };
    match console.board.stream(key).await {
        Ok(watched) => viewer.tell("stream", &show::stream(&watched, &overview)),
        Err(Failure(_, error, message)) => {
            viewer.tell("stream", &json!({"error": error, "message": message}))
        }
    }
}
