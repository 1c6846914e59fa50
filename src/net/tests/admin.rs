//! The admin endpoint over a real socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::net::{Admin, Readiness, serve_admin, shutdown};

fn exchange(address: SocketAddr, method: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn tells_health_readiness_and_metrics_until_shut_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, ear) = shutdown();
    let readiness = Readiness::pending("recovering the log");
    let admin = Admin { metrics: Box::new(|| "up 1\n".into()), readiness: readiness.clone(), console: None };
    let thread = serve_admin(listener, admin, ear).unwrap();
    let get = |path| exchange(address, "GET", path);

    let reply = get("/metrics");
    assert!(reply.contains("content-type: text/plain; version=0.0.4\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\nup 1\n"), "{reply}");
    assert!(get("/healthz").ends_with("\r\n\r\nok\n"));

    let reply = get("/readyz");
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.ends_with("recovering the log\n"), "{reply}");
    readiness.ready();
    assert!(get("/readyz").starts_with("HTTP/1.1 200 "));
    readiness.not_ready("draining");
    assert!(get("/readyz").starts_with("HTTP/1.1 503 "));

    assert!(get("/else").starts_with("HTTP/1.1 404 "));
    let reply = exchange(address, "POST", "/metrics");
    assert!(reply.starts_with("HTTP/1.1 405 ") && reply.contains("allow: GET, HEAD\r\n"), "{reply}");

    trigger.begin();
    thread.join().unwrap();
}
