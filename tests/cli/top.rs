//! `fanlight top`: one look as text, and the live view on a terminal, through a restart of the server.

use crate::command::{at, fanlight, run};
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};

/// The cells of the line that begins with a name.
fn cells(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.trim_start().starts_with(name));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn one_look_shows_streams_and_the_server() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 3);
    kinesis.put("orders", "0", b"hello");
    let text = run(&mut at(&server), &["top", "--once"]).ok();
    assert!(text.starts_with("taking records, up "), "{text}");
    assert!(text.contains("durability sync, "), "{text}");
    assert_eq!(cells(&text, "orders")[..3], ["orders", "active", "3"]);
}

#[test]
fn the_data_port_is_not_the_admin_port() {
    let server = Server::start(Options::default());
    let told = run(&mut fanlight(), &["top", "--once", "--admin", &server.endpoint()]).failed(2);
    assert!(told.contains("Is this the data port?"), "{told}");
    let told = run(&mut at(&server), &["top"]).failed(64);
    assert!(told.contains("top --once"), "{told}");
}

#[cfg(feature = "top")]
#[test]
fn the_live_view_survives_a_restart() {
    let mut server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    kinesis.create("clicks", 1);
    (0..50).for_each(|_| drop(kinesis.put("orders", "0", b"hello")));
    let mut command = at(&server);
    let mut terminal = crate::terminal::Terminal::start(command.arg("top"));
    let is_busy = |text: &str| cells(text, "orders").get(3).is_some_and(|rate| rate != "·");
    terminal.wait("the stream", |text| text.contains("taking records") && !cells(text, "clicks").is_empty());
    terminal.wait("a rate", |text| {
        kinesis.put("orders", "0", b"hello");
        is_busy(text)
    });

    server.terminate();
    terminal.wait("the outage", |text| text.contains("server away for") && text.contains("trying again"));
    assert!(!cells(&terminal.text(), "orders").is_empty(), "what was seen stays");
    server.restart();
    terminal.wait("its end", |text| {
        text.contains("server was away for") && !text.contains("away for 0 s, trying")
    });
    terminal.wait("a rate again", |text| {
        kinesis.put("orders", "0", b"hello");
        is_busy(text)
    });
    let below_nothing =
        |cell: &str| cell.strip_prefix('-').is_some_and(|it| it.starts_with(char::is_numeric));
    assert!(!terminal.text().split_whitespace().any(below_nothing), "{}", terminal.text());

    terminal.press("s");
    terminal.wait("another order", |text| text.contains("sorted by bytes out"));
    terminal.press("p");
    terminal.wait("a pause", |text| text.contains("paused"));
    assert!(terminal.is_taken());
    terminal.press("q");
    assert!(terminal.end().success());
    assert!(!terminal.is_taken(), "the screen is given back");
}
