//! Disk operations of many tasks side by side, while a data directory is opened: each task asks for one thing
//! after another, and the disk is kept busy by as many tasks as there may be at once.

use std::collections::VecDeque;
use std::io;

use crate::platform::{Disk, Op, Outcome, Token};

/// Something that needs one disk operation after another.
pub(super) trait Task {
    /// What it needs next, given what the last operation brought (nothing at first); `None` when done.
    fn next(&mut self, disk: &mut dyn Disk, answer: Option<Outcome>) -> io::Result<Option<Op>>;
}

/// Brings all tasks to their end, `at_once` of them at a time. The first error ends it, once nothing is under
/// way any more.
pub(super) fn run_all<T: Task>(disk: &mut dyn Disk, tasks: &mut [T], at_once: usize) -> io::Result<()> {
    let mut waiting: VecDeque<usize> = (0..tasks.len()).collect();
    let mut under_way = 0;
    let mut failure = None;
    let mut done = Vec::new();
    loop {
        while under_way < at_once
            && failure.is_none()
            && let Some(index) = waiting.pop_front()
        {
            under_way += usize::from(advance(disk, tasks, index, None, &mut failure));
        }
        if under_way == 0 {
            return failure.map_or(Ok(()), Err);
        }
        disk.kick();
        disk.wait();
        disk.reap(&mut done);
        for completion in done.drain(..) {
            under_way -= 1;
            let index = usize::try_from(completion.token.0).unwrap_or(usize::MAX);
            match completion.result {
                Ok(outcome) if failure.is_none() => {
                    under_way += usize::from(advance(disk, tasks, index, Some(outcome), &mut failure));
                }
                Ok(_) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
}

/// Takes one task a step on; tells whether it waits for the disk.
fn advance<T: Task>(
    disk: &mut dyn Disk,
    tasks: &mut [T],
    index: usize,
    answer: Option<Outcome>,
    failure: &mut Option<io::Error>,
) -> bool {
    match tasks[index].next(disk, answer) {
        Ok(Some(op)) => {
            disk.submit(Token(index as u64), op);
            true
        }
        Ok(None) => false,
        Err(error) => {
            failure.get_or_insert(error);
            false
        }
    }
}
