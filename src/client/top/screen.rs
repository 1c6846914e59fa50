//! What the user has chosen to see, and which rows that makes: decides, draws nothing.

use std::cmp::Ordering;

use super::board::{Board, ConsumerRow, StreamRow};

/// What rows are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Bytes in, the busiest first.
    #[default]
    In,
    /// Bytes out.
    Out,
    /// Records and calls refused by a quota.
    Throttled,
    /// The name.
    Name,
}

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Sort,
    Pause,
    Up,
    Down,
    /// Only the consumers of the chosen stream, or all again.
    Select,
}

/// The user's choices.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    pub(super) order: Order,
    pub(super) paused: bool,
    /// Which row of the streams the mark stands on.
    pub(super) row: usize,
    /// The one stream whose consumers are shown.
    pub(super) only: Option<String>,
}

impl Order {
    /// As the screen's head names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::In => "bytes in",
            Self::Out => "bytes out",
            Self::Throttled => "throttled",
            Self::Name => "name",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::Throttled,
            Self::Throttled => Self::Name,
            Self::Name => Self::In,
        }
    }

    fn compare(self, a: &StreamRow, b: &StreamRow) -> Ordering {
        let by_name = || a.name.cmp(&b.name);
        match self {
            Self::In => b.bytes_in.total_cmp(&a.bytes_in).then_with(by_name),
            Self::Out => b.bytes_out.total_cmp(&a.bytes_out).then_with(by_name),
            Self::Throttled => b.throttled.total_cmp(&a.throttled).then_with(by_name),
            Self::Name => by_name(),
        }
    }
}

impl Screen {
    /// Takes a key; tells whether the user has had enough.
    pub(super) fn press(&mut self, key: Key, board: &Board) -> bool {
        let last = board.streams.len().saturating_sub(1);
        match key {
            Key::Quit => return true,
            Key::Sort => self.order = self.order.next(),
            Key::Pause => self.paused = !self.paused,
            Key::Up => self.row = self.row.min(last).saturating_sub(1),
            Key::Down => self.row = (self.row + 1).min(last),
            Key::Select => {
                let chosen = self.streams(board).get(self.row).map(|row| row.name.clone());
                self.only = if self.only.is_some() { None } else { chosen };
            }
        }
        false
    }

    /// The streams in their order.
    pub(super) fn streams<'a>(&self, board: &'a Board) -> Vec<&'a StreamRow> {
        let mut rows: Vec<_> = board.streams.iter().collect();
        rows.sort_by(|a, b| self.order.compare(a, b));
        rows
    }

    /// The consumers to show, the busiest first.
    pub(super) fn consumers<'a>(&self, board: &'a Board) -> Vec<&'a ConsumerRow> {
        let is_shown = |row: &&ConsumerRow| self.only.as_ref().is_none_or(|only| row.stream == *only);
        let mut rows: Vec<_> = board.consumers.iter().filter(is_shown).collect();
        let name = |row: &ConsumerRow| (row.stream.clone(), row.name.clone());
        rows.sort_by(|a, b| b.bytes.total_cmp(&a.bytes).then_with(|| name(a).cmp(&name(b))));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let stream = |name: &str, bytes_in, throttled| StreamRow {
            name: name.into(),
            bytes_in,
            throttled,
            ..StreamRow::default()
        };
        let consumer = |stream: &str, bytes| ConsumerRow {
            stream: stream.into(),
            name: "app".into(),
            bytes,
            ..ConsumerRow::default()
        };
        Board {
            streams: vec![stream("a", 1.0, 5.0), stream("b", 9.0, 0.0), stream("c", 4.0, 0.0)],
            consumers: vec![consumer("a", 1.0), consumer("b", 2.0)],
            ..Board::default()
        }
    }

    fn shown(screen: &Screen) -> String {
        screen.streams(&board()).iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn s_goes_through_the_orders() {
        let (mut screen, board) = (Screen::default(), board());
        let mut orders = vec![shown(&screen)];
        for _ in 0..4 {
            screen.press(Key::Sort, &board);
            orders.push(shown(&screen));
        }
        assert_eq!(orders, ["bca", "abc", "abc", "abc", "bca"]);
    }

    #[test]
    fn the_mark_stays_on_the_rows_and_chooses_a_stream() {
        let (mut screen, board) = (Screen::default(), board());
        (0..9).for_each(|_| assert!(!screen.press(Key::Down, &board)));
        assert_eq!(screen.row, 2);
        screen.press(Key::Select, &board);
        assert_eq!(screen.only.as_deref(), Some("a"));
        assert_eq!(screen.consumers(&board).len(), 1);
        screen.press(Key::Select, &board);
        assert_eq!(screen.consumers(&board).len(), 2);
        (0..9).for_each(|_| assert!(!screen.press(Key::Up, &board)));
        assert_eq!(screen.row, 0);
        assert!(screen.press(Key::Quit, &board));
    }
}
