//! `fanlight top`: what a server does right now, from its metrics and its API.

mod board;
mod exposition;
#[cfg(feature = "top")]
mod live;
mod rows;
// Without the live view nobody presses a key or waits for a server to come back.
#[cfg_attr(not(feature = "top"), allow(dead_code))]
mod screen;
#[cfg_attr(not(feature = "top"), allow(dead_code))]
mod seen;
mod source;
mod units;
#[cfg(feature = "top")]
mod view;
mod window;

use std::io::{Write as _, stdout};
use std::time::Duration;

use tokio::time::sleep;

use super::TopArgs;
use super::failure::Outcome;
use super::table;

use screen::Screen;
use seen::Seen;
use source::Source;

/// From one look to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// Shows once, or until the user has had enough.
pub(super) async fn run(args: TopArgs) -> Outcome<()> {
    let source = Source::new(&args)?;
    if args.once { once(&source).await } else { live(source).await }
}

#[cfg(feature = "top")]
use live::run as live;

#[cfg(not(feature = "top"))]
async fn live(_: Source) -> Outcome<()> {
    let what = "this binary has no live view; `fanlight top --once` prints one look, and a build with `--features top` \
                has it";
    Err(super::failure::Failure::Usage(what.into()))
}

/// Two looks, since one tells no rates.
async fn once(source: &Source) -> Outcome<()> {
    let mut seen = Seen::default();
    seen.looked(source.look().await?);
    sleep(PERIOD).await;
    seen.looked(source.look().await?);
    let described = source.describe(seen.asks_shards()).await;
    if let Err(failure) = &described {
        eprintln!("fanlight: streams are shown as far as the metrics tell of them: {failure}");
    }
    seen.described(described.unwrap_or_default());
    Ok(write!(stdout(), "{}", text(&seen))?)
}

fn text(seen: &Seen) -> String {
    let (screen, board) = (Screen::default(), seen.board());
    let streams: Vec<_> = screen.streams(board).into_iter().map(rows::stream).collect();
    let consumers: Vec<_> = screen.consumers(board).into_iter().map(rows::consumer).collect();
    let [first, second] = rows::server(&board.server, seen.now());
    let mut text = format!("{first}\n{second}\n\n{}", table::render(&rows::STREAMS, &streams));
    if !consumers.is_empty() {
        text += "\n";
        text += &table::render(&rows::CONSUMERS, &consumers);
    }
    text
}
