//! The live view: head, streams, consumers, keys. Draws what it is given.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize as _};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::rows;
use super::screen::Screen;
use super::seen::Seen;
use super::units;

/// Lines above the tables: the title, the server's two, and the one that says how it is.
const HEAD_LINES: u16 = 4;
/// Columns of every cell but the names'.
const CELL_WIDTH: u16 = 11;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, seen: &Seen, screen: &Screen) {
    let board = seen.board();
    let consumers = u16::try_from(screen.consumers(board).len()).unwrap_or(u16::MAX).saturating_add(2);
    let shares = [
        Constraint::Length(HEAD_LINES),
        Constraint::Min(5),
        Constraint::Max(consumers.min(frame.area().height / 2)),
        Constraint::Length(1),
    ];
    let [head_area, streams_area, consumers_area, keys_area] = Layout::vertical(shares).areas(frame.area());
    frame.render_widget(head(seen, screen), head_area);
    streams(frame, streams_area, seen, screen);
    consumers_table(frame, consumers_area, seen, screen);
    let keys = " q quit   s sort   ↑↓ choose   ⏎ its consumers only   p pause ";
    frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::REVERSED)), keys_area);
}

fn head<'a>(seen: &Seen, screen: &Screen) -> Paragraph<'a> {
    let [first, second] = rows::server(&seen.board().server, seen.now());
    let title = Line::from(format!("fanlight top   sorted by {}", screen.order.name())).bold();
    let state = match (seen.away(), seen.was_away()) {
        (Some((span, why)), _) => {
            let span = units::since(span);
            Line::from(format!("server away for {span}, trying again every second ({why})")).red().bold()
        }
        (None, _) if screen.paused => Line::from("paused").yellow(),
        (None, Some(span)) => Line::from(format!("server was away for {}", units::since(span))).yellow(),
        (None, None) => Line::default(),
    };
    let dim = if seen.away().is_some() { Style::new().dim() } else { Style::new() };
    let lines = vec![title, Line::from(first).style(dim), Line::from(second).style(dim), state];
    Paragraph::new(Text::from(lines))
}

fn streams(frame: &mut Frame<'_>, area: Rect, seen: &Seen, screen: &Screen) {
    let shown: Vec<_> = screen.streams(seen.board()).into_iter().map(|row| line(rows::stream(row))).collect();
    let table =
        table(shown, rows::STREAMS).row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::default().with_selected(Some(screen.row));
    frame.render_stateful_widget(table, area, &mut state);
}

fn consumers_table(frame: &mut Frame<'_>, area: Rect, seen: &Seen, screen: &Screen) {
    let shown = screen.consumers(seen.board()).into_iter().map(|row| line(rows::consumer(row))).collect();
    frame.render_widget(table(shown, rows::CONSUMERS), area);
}

/// The first column takes what the others leave.
fn table<'a, const N: usize>(shown: Vec<Row<'a>>, head: [&'static str; N]) -> Table<'a> {
    let widths = (0..N).map(|column| match column {
        0 => Constraint::Fill(1),
        _ => Constraint::Length(CELL_WIDTH.max(u16::try_from(head[column].len()).unwrap_or(CELL_WIDTH))),
    });
    let head = line(head.map(str::to_owned)).style(Style::new().bold().underlined());
    Table::new(shown, widths).header(head).column_spacing(1)
}

/// Names to the left, numbers to the right.
fn line<'a, const N: usize>(cells: [String; N]) -> Row<'a> {
    let cell = |(column, text): (usize, String)| {
        let side = if column < 2 { Alignment::Left } else { Alignment::Right };
        Cell::from(Text::from(text).alignment(side))
    };
    Row::new(cells.into_iter().enumerate().map(cell).collect::<Vec<_>>())
}
