//! The promise given with an append: kept once the batch it joined is committed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::StorageError;

/// Tells when one batch is committed, or that it never will be. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Ack(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    outcome: RefCell<Option<Result<(), StorageError>>>,
    waiting: RefCell<Vec<Waker>>,
    settled: Cell<bool>,
}

impl Ack {
    /// The outcome, once there is one.
    pub fn outcome(&self) -> Option<Result<(), StorageError>> {
        if self.0.settled.get() { self.0.outcome.borrow().clone() } else { None }
    }

    /// Waits for the outcome.
    pub async fn wait(&self) -> Result<(), StorageError> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Settles it and wakes who waits; the first outcome stands.
    pub(super) fn settle(&self, outcome: Result<(), StorageError>) {
        if self.0.settled.replace(true) {
            return;
        }
        *self.0.outcome.borrow_mut() = Some(outcome);
        for waker in self.0.waiting.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), StorageError>> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        let mut waiting = self.0.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
