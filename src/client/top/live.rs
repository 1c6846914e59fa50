//! The live view's loop: looks once a second on a task of its own, keys from a thread that waits for them,
//! and the screen drawn anew after each.

use std::io::{IsTerminal as _, stdout};
use std::thread;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::limits::{TOP_KEYS_MAX, TOP_LOOK_SECS_MAX};

use super::super::failure::{Failure, Outcome};
use super::board::Described;
use super::exposition::Scrape;
use super::screen::{Key, Screen};
use super::seen::Seen;
use super::source::Source;
use super::{PERIOD, view};

/// Looks from one question to the API to the next.
const LOOKS_PER_DESCRIPTION: u64 = 5;

/// What happened.
enum News {
    Looked(Outcome<Scrape>),
    Described(Vec<Described>),
    Pressed(Key),
    /// Draw anew: the window has another size, or time has passed.
    Resized,
}

/// Shows the view until the user has had enough, or somebody ends it.
pub(super) async fn run(source: Source) -> Outcome<()> {
    if !stdout().is_terminal() {
        return Err(Failure::Usage("top needs a terminal; `fanlight top --once` prints one look".into()));
    }
    // A server that was never there is told before the screen is taken.
    let first = source.look().await?;
    let (sender, news) = channel(TOP_KEYS_MAX);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut terminal = ratatui::try_init()?;
    let keys = sender.clone();
    thread::Builder::new().name("keys".into()).spawn(move || listen(&keys))?;
    spawn_local(watch(source, sender));
    let outcome = tokio::select! {
        outcome = show(&mut terminal, news, first) => outcome,
        _ = terminate.recv() => Ok(()),
    };
    ratatui::restore();
    outcome
}

async fn show(
    terminal: &mut ratatui::DefaultTerminal,
    mut news: Receiver<News>,
    first: Scrape,
) -> Outcome<()> {
    let (mut seen, mut screen) = (Seen::default(), Screen::default());
    seen.looked(first);
    loop {
        terminal.draw(|frame| view::draw(frame, &seen, &screen))?;
        let Some(news) = news.recv().await else { return Ok(()) };
        match news {
            News::Pressed(key) => {
                if screen.press(key, seen.board()) {
                    return Ok(());
                }
            }
            News::Looked(Err(failure)) => seen.missed(&failure),
            News::Looked(Ok(scrape)) if !screen.paused => seen.looked(scrape),
            News::Described(described) if !screen.paused => seen.described(described),
            News::Looked(_) | News::Described(_) | News::Resized => {}
        }
    }
}

/// Looks once a second, whether the server is there or not.
async fn watch(source: Source, news: Sender<News>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asks_shards = false;
    for look in 0_u64.. {
        tick.tick().await;
        let seen = in_time(source.look()).await;
        if let Ok(scrape) = &seen {
            asks_shards = scrape.sum(crate::telemetry::names::SHARDS, &[]).is_none();
        }
        let is_there = seen.is_ok();
        if news.send(News::Looked(seen)).await.is_err() {
            return;
        }
        if is_there
            && look.is_multiple_of(LOOKS_PER_DESCRIPTION)
            && let Ok(described) = in_time(source.describe(asks_shards)).await
        {
            let _ = news.send(News::Described(described)).await;
        }
    }
}

async fn in_time<T>(look: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let late = || Failure::unreachable(format!("no answer within {TOP_LOOK_SECS_MAX} s"), "");
    timeout(Duration::from_secs(TOP_LOOK_SECS_MAX), look).await.unwrap_or_else(|_| Err(late()))
}

/// Passes on the keys that mean something, for as long as the process lives.
fn listen(news: &Sender<News>) {
    while let Ok(event) = event::read() {
        let heard = match event {
            Event::Key(pressed) if pressed.kind != KeyEventKind::Release => {
                key(pressed.code, pressed.modifiers).map(News::Pressed)
            }
            Event::Resize(..) => Some(News::Resized),
            _ => None,
        };
        if heard.is_some_and(|heard| news.blocking_send(heard).is_err()) {
            return;
        }
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
    match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('s') => Some(Key::Sort),
        KeyCode::Char('p' | ' ') => Some(Key::Pause),
        KeyCode::Up | KeyCode::Char('k') => Some(Key::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Key::Down),
        KeyCode::Enter => Some(Key::Select),
        _ => None,
    }
}
