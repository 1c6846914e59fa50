//! What has been seen of a server so far, and since when it is away.

use std::time::Duration;

use crate::platform::Clock;
use crate::telemetry::names;
use crate::types::{Instant, Timestamp};

use super::super::failure::Failure;
use super::board::{Board, Described};
use super::exposition::Scrape;
use super::window::Window;

/// The looks, what was made of them, and how it went.
pub(super) struct Seen {
    clock: Clock,
    window: Window,
    described: Vec<Described>,
    board: Board,
    away: Option<Away>,
    /// How long the latest outage took, which is over.
    was_away: Option<Duration>,
}

/// An outage.
struct Away {
    since: Instant,
    why: String,
}

impl Default for Seen {
    fn default() -> Self {
        let (window, board) = (Window::default(), Board::default());
        Self { clock: Clock::system(), window, described: Vec::new(), board, away: None, was_away: None }
    }
}

impl Seen {
    /// Takes a look at the metrics.
    pub(super) fn looked(&mut self, scrape: Scrape) {
        let now = self.clock.now();
        if let Some(away) = self.away.take() {
            self.was_away = Some(now.since(away.since));
        }
        self.window.push(now, scrape);
        self.board = Board::of(&self.window, &self.described);
    }

    /// There was nothing to be seen.
    pub(super) fn missed(&mut self, failure: &Failure) {
        let why = failure.to_string().lines().next().unwrap_or_default().to_owned();
        let since = self.away.take().map_or_else(|| self.clock.now(), |away| away.since);
        self.away = Some(Away { since, why });
    }

    /// Takes what the API says.
    pub(super) fn described(&mut self, described: Vec<Described>) {
        self.described = described;
        self.board = Board::of(&self.window, &self.described);
    }

    /// Whether the API has to be asked for shards, since the metrics do not tell.
    pub(super) fn asks_shards(&self) -> bool {
        self.window.latest().is_some_and(|latest| latest.sum(names::SHARDS, &[]).is_none())
    }

    /// The latest numbers.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// The present.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// How long the server has been away, and why it is thought to be.
    pub(super) fn away(&self) -> Option<(Duration, &str)> {
        self.away.as_ref().map(|away| (self.clock.now().since(away.since), away.why.as_str()))
    }

    /// How long the latest outage took.
    pub(super) fn was_away(&self) -> Option<Duration> {
        self.was_away
    }
}
