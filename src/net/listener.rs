//! The accept loop of the data port: a bounded number of connections, each a task on this thread, and the
//! drain.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use metrics::gauge;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::connection::{self, Port};
use super::{Handler, Outgoing, Shutdown, Tls};
use crate::limits::{ACCEPT_REST_MS, CONNECTIONS_MAX, DRAIN_SECS_MAX, UNACKNOWLEDGED_SECS_MAX};
use crate::telemetry::names;

/// Accepts and serves connections until the shutdown begins, then lets the open ones finish for a bounded
/// time.
///
/// Runs inside a `LocalSet`. With `tls`, plain connections are refused unless it allows them. What they push
/// of a commit goes to `outgoing`, which is to be flushed after it.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Tls>,
    handler: Rc<H>,
    shutdown: Shutdown,
    outgoing: Rc<Outgoing>,
) {
    let port = Rc::new(Port::new(handler, tls, shutdown, outgoing));
    serve_at_most(CONNECTIONS_MAX, listener, port).await;
}

/// [`serve`] with another bound on connections. Beyond it, clients wait in the listen backlog.
pub(super) async fn serve_at_most<H: Handler>(
    connections_max: usize,
    listener: TcpListener,
    port: Rc<Port<H>>,
) {
    let mut connections = JoinSet::new();
    let mut draining = Box::pin(port.shutdown().begun());
    let open = gauge!(names::CONNECTIONS);
    loop {
        open.set(f64::from(u32::try_from(connections.len()).unwrap_or(u32::MAX)));
        tokio::select! {
            biased;
            () = draining.as_mut() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < connections_max => match accepted {
                Ok((socket, _peer)) => {
                    prepare(&socket);
                    connections.spawn_local(connection::serve(socket, Rc::clone(&port)));
                }
                Err(error) => rest_after(&error).await,
            },
        }
    }
    drop(listener);
    drain(connections).await;
}

/// No delay for small frames, and an end to peers whose kernel acknowledges nothing. Neither is worth losing
/// the connection over.
pub(super) fn prepare(socket: &TcpStream) {
    let unacknowledged_ms = u32::try_from(UNACKNOWLEDGED_SECS_MAX * 1000).unwrap_or(u32::MAX);
    let no_delay = socket.set_nodelay(true);
    let user_timeout = set_tcp_user_timeout(socket, unacknowledged_ms).map_err(io::Error::from);
    if let Err(error) = no_delay.and(user_timeout) {
        debug!(%error, "socket option not set");
    }
}

/// A connection that failed before it was accepted concerns nobody; want of descriptors or memory passes only
/// as connections close, and until then accepting again at once would spin.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    warn!(%error, "cannot accept connections, resting");
    sleep(Duration::from_millis(ACCEPT_REST_MS)).await;
}

async fn drain(mut connections: JoinSet<()>) {
    let finishing = async { while connections.join_next().await.is_some() {} };
    if timeout(Duration::from_secs(DRAIN_SECS_MAX), finishing).await.is_err() {
        info!(connections = connections.len(), "closing connections that did not finish in time");
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;
    use rustix::net::sockopt::{tcp_nodelay, tcp_user_timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    #[allow(clippy::disallowed_methods)]
    async fn rests_only_when_the_system_is_short_of_something() {
        let started = tokio::time::Instant::now();
        rest_after(&Errno::CONNABORTED.into()).await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        rest_after(&Errno::MFILE.into()).await;
        assert_eq!(started.elapsed(), Duration::from_millis(ACCEPT_REST_MS));
    }

    #[tokio::test]
    async fn sockets_send_at_once_and_give_up_on_dead_peers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        prepare(&socket);
        assert!(tcp_nodelay(&socket).unwrap());
        assert_eq!(u64::from(tcp_user_timeout(&socket).unwrap()), UNACKNOWLEDGED_SECS_MAX * 1000);
    }
}
