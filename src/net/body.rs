//! A request's body, collected into one `Bytes`: bounded in size, in pace and, over all requests of a port,
//! in memory. Whatever arrives in one piece is not copied.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_BODY_BYTES_PER_SEC_MIN, REQUEST_BODY_GRACE_SECS};

/// The most a declared length makes us reserve before any of it has arrived.
const RESERVE_BYTES_MAX: u64 = 256 << 10;

/// Why a body was not collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Larger than a request may be.
    TooLarge,
    /// Slower than a request may be.
    TooSlow,
    /// The port holds as many bytes of requests as it may.
    Busy,
    /// The client went away, or broke the protocol.
    Gone,
}

impl Rejected {
    /// The status to answer with; `None` when nobody listens any more.
    pub(super) fn status(self) -> Option<StatusCode> {
        match self {
            Self::TooLarge => Some(StatusCode::PAYLOAD_TOO_LARGE),
            Self::TooSlow => Some(StatusCode::REQUEST_TIMEOUT),
            Self::Busy => Some(StatusCode::SERVICE_UNAVAILABLE),
            Self::Gone => None,
        }
    }
}

/// The memory all requests of a port share.
#[derive(Clone, Debug)]
pub(super) struct Budget(Rc<Cell<usize>>);

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Rc::new(Cell::new(bytes)))
    }

    /// A permit for nothing yet.
    fn permit(&self) -> Permit {
        Permit { budget: self.clone(), bytes: 0 }
    }
}

/// Bytes taken from a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    budget: Budget,
    bytes: usize,
}

impl Permit {
    fn extend(&mut self, bytes: usize) -> Result<(), Rejected> {
        let left = self.budget.0.get().checked_sub(bytes).ok_or(Rejected::Busy)?;
        self.budget.0.set(left);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.0.set(self.budget.0.get() + self.bytes);
    }
}

/// Collects a body. The permit that comes with it is to be held as long as the request lives.
pub(super) async fn collect<B>(
    body: B,
    declared: Option<u64>,
    budget: &Budget,
) -> Result<(Bytes, Permit), Rejected>
where
    B: Body<Data = Bytes>,
{
    if declared.is_some_and(|length| length > REQUEST_BODY_BYTES_MAX as u64) {
        return Err(Rejected::TooLarge);
    }
    let mut body = pin!(body);
    let mut pace = Pace::new();
    let mut permit = budget.permit();
    let first = pace.next(body.as_mut(), &mut permit).await?.unwrap_or_default();
    let Some(second) = pace.next(body.as_mut(), &mut permit).await? else {
        return Ok((first, permit));
    };
    let reserve = usize::try_from(declared.unwrap_or(0).min(RESERVE_BYTES_MAX)).unwrap_or(0);
    let mut whole = BytesMut::with_capacity(reserve.max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(piece) = pace.next(body.as_mut(), &mut permit).await? {
        make_room(&mut whole, piece.len(), declared);
        whole.extend_from_slice(&piece);
    }
    Ok((whole.freeze(), permit))
}

/// Grows a body that is full, up to its declared length: by more than it has only as far as much has come of
/// it, because a declaration costs nothing; in few steps, because each copies all of it.
fn make_room(whole: &mut BytesMut, wanted: usize, declared: Option<u64>) {
    let length = whole.len();
    if whole.capacity() - length < wanted {
        let declared = declared.and_then(|declared| usize::try_from(declared).ok()).unwrap_or(0);
        whole.reserve(declared.saturating_sub(length).min(3 * length).max(wanted));
    }
}

/// The pace a body keeps: any for the grace period, then a floor of bytes per second over its whole life.
struct Pace {
    grace_ends: Instant,
    deadline: Pin<Box<Sleep>>,
    received: u64,
}

impl Pace {
    fn new() -> Self {
        let deadline = Box::pin(sleep(Duration::from_secs(REQUEST_BODY_GRACE_SECS)));
        Self { grace_ends: deadline.deadline(), deadline, received: 0 }
    }

    /// The next piece that is not empty, in time and within all bounds.
    async fn next<B>(&mut self, mut body: Pin<&mut B>, permit: &mut Permit) -> Result<Option<Bytes>, Rejected>
    where
        B: Body<Data = Bytes>,
    {
        loop {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                () = self.deadline.as_mut() => return Err(Rejected::TooSlow),
            };
            let Some(frame) = frame else { return Ok(None) };
            // Trailers carry nothing for us, and an empty piece earns no time.
            if let Ok(piece) = frame.map_err(|_| Rejected::Gone)?.into_data()
                && !piece.is_empty()
            {
                self.earn(piece.len())?;
                permit.extend(piece.len())?;
                return Ok(Some(piece));
            }
        }
    }

    fn earn(&mut self, bytes: usize) -> Result<(), Rejected> {
        self.received += bytes as u64;
        if self.received > REQUEST_BODY_BYTES_MAX as u64 {
            return Err(Rejected::TooLarge);
        }
        let earned = Duration::from_millis(self.received * 1000 / REQUEST_BODY_BYTES_PER_SEC_MIN);
        self.deadline.as_mut().reset(self.grace_ends + earned);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    async fn collect_from(budget: &Budget, body: &'static [u8]) -> Result<(Bytes, Permit), Rejected> {
        collect(Full::new(Bytes::from_static(body)), None, budget).await
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let body = b"one piece";
        let (collected, _permit) = collect_from(&Budget::new(9), body).await.unwrap();
        assert_eq!(collected.as_ptr(), body.as_ptr());
    }

    #[tokio::test]
    async fn requests_share_a_budget_and_give_it_back() {
        let budget = Budget::new(10);
        let first = collect_from(&budget, b"seven..").await.unwrap();
        assert_eq!(collect_from(&budget, b"four").await.unwrap_err(), Rejected::Busy);
        assert_eq!(collect_from(&budget, b"six").await.unwrap().0, "six");
        drop(first);
        assert_eq!(collect_from(&budget, b"ten bytes.").await.unwrap().0, "ten bytes.");
        assert_eq!(budget.0.get(), 10);
    }
}
