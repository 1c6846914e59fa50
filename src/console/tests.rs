//! The board: the data thread is asked once a second, however many ask the board.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

use super::board::Board;
use super::desk::Ask;
use crate::platform::{Clock, SimulatedTime};
use crate::telemetry::Exporter;
use crate::types::{StreamKey, Timestamp};

/// A board whose questions are counted, and the time it lives in.
fn counted() -> (Rc<Board>, SimulatedTime, Rc<Cell<u32>>) {
    let (asks, mut asked) = mpsc::channel(4);
    let (time, count) = (SimulatedTime::starting_at(Timestamp::from_millis(0)), Rc::new(Cell::new(0)));
    let counting = Rc::clone(&count);
    spawn_local(async move {
        while let Some(ask) = asked.recv().await {
            counting.set(counting.get() + 1);
            match ask {
                Ask::Streams(reply) => drop(reply.send((Vec::new(), 0))),
                Ask::Stream(_, reply) => drop(reply.send(None)),
                Ask::Tail { .. } | Ask::Put { .. } => panic!("not the board's to ask"),
            }
        }
    });
    (Rc::new(Board::new(Exporter::idle(), time.clock(), asks)), time, count)
}

#[tokio::test]
async fn many_viewers_are_one_question_a_second() {
    LocalSet::new()
        .run_until(async {
            let (board, time, count) = counted();
            for second in 1..=3 {
                let viewers: Vec<_> = (0..20)
                    .map(|_| {
                        let board = Rc::clone(&board);
                        spawn_local(async move { board.overview().await.is_ok() })
                    })
                    .collect();
                for viewer in viewers {
                    assert!(viewer.await.unwrap());
                }
                assert_eq!(count.get(), second);
                time.advance(Duration::from_secs(1));
            }
        })
        .await;
}

#[tokio::test]
async fn a_stream_that_is_gone_is_not_kept() {
    LocalSet::new()
        .run_until(async {
            let (board, _, _) = counted();
            assert!(board.stream(&StreamKey::from("nothing")).await.is_err());
        })
        .await;
}

#[tokio::test]
async fn a_data_thread_that_is_gone_is_told() {
    let (asks, _) = mpsc::channel(1);
    let board = Board::new(Exporter::idle(), Clock::system(), asks);
    assert!(board.overview().await.is_err());
}
