//! Lines of standard input, read on a thread of their own, so that a slow one keeps nobody waiting.

use std::io::{self, BufRead, Read as _};
use std::thread;

use tokio::sync::mpsc::{Receiver, channel};

use crate::limits::{PUT_LINE_BYTES_MAX, PUT_LINES_AHEAD_MAX};

/// A line without its end, or why there is none.
pub(super) type Line = io::Result<Vec<u8>>;

/// Starts to read. The thread ends with the input, or once nobody wants more.
pub(super) fn read() -> io::Result<Receiver<Line>> {
    let (sender, lines) = channel(PUT_LINES_AHEAD_MAX);
    thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next(&mut input).transpose() {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// The next line; an empty one is a record without data.
fn next(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input.take(PUT_LINE_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.len() > PUT_LINE_BYTES_MAX {
        let what = format!("a line is longer than the {} MiB a record can have", PUT_LINE_BYTES_MAX >> 20);
        return Err(io::Error::other(what));
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_either_way_or_with_the_input() {
        let mut input = &b"one\ntwo\r\n\nlast"[..];
        let lines: Vec<_> = std::iter::from_fn(|| next(&mut input).unwrap()).collect();
        assert_eq!(lines, [&b"one"[..], b"two", b"", b"last"]);
    }

    #[test]
    fn a_line_no_record_can_hold_is_refused() {
        let long = vec![b'x'; PUT_LINE_BYTES_MAX + 1];
        assert!(next(&mut &long[..]).is_err());
        let longest = [&long[1..], b"\n"].concat();
        assert_eq!(next(&mut &longest[..]).unwrap().map(|line| line.len()), Some(PUT_LINE_BYTES_MAX));
    }
}
