//! Reads the stream `FANLIGHT_STREAM` as the consumer `FANLIGHT_CONSUMER` by enhanced fan-out, across ends of
//! subscriptions, reshards and restarts of the server, and prints a line for all that happens: `ready`,
//! `subscribed`, `record`, `end`, `trouble`. It ends when its standard input does.

mod family;
mod reader;

use std::env;
use std::io::{self, Read};
use std::thread;

use fanlight_compat_rust_sdk::{Failure, connect, told};
use tokio::sync::oneshot;

use reader::Reader;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let run = async {
        let (stream, consumer) = (env::var("FANLIGHT_STREAM")?, env::var("FANLIGHT_CONSUMER")?);
        Reader::register(connect()?, &stream, &consumer).await?.run().await
    };
    tokio::select! {
        result = run => result.map_err(|failure| told(&*failure).into()),
        _ = input_ended() => Ok(()),
    }
}

/// Waits for the end of standard input on a thread of its own, which nothing can wait for at the exit.
fn input_ended() -> oneshot::Receiver<()> {
    let (ended, wait) = oneshot::channel();
    thread::spawn(move || {
        let mut ignored = [0; 64];
        while io::stdin().read(&mut ignored).is_ok_and(|bytes| bytes > 0) {}
        drop(ended);
    });
    wait
}
