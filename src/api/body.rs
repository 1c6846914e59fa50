//! The body of an answer: in one piece, or a page of records that is encoded piece by piece while it is sent,
//! so that a large one neither lies in memory twice nor keeps anybody waiting while it is made.

use bytes::Bytes;

use crate::limits::REPLY_PIECE_BYTES;
use crate::push::ShardIdentity;
use crate::shard_log::Record;
use crate::wire::{Codec, Value};

/// Pieces of known length together.
#[derive(Debug)]
pub struct Body {
    left: usize,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Whole(Bytes),
    Page(Box<PageBody>),
}

impl From<Bytes> for Body {
    fn from(whole: Bytes) -> Self {
        Self { left: whole.len(), rest: Rest::Whole(whole) }
    }
}

impl Body {
    /// A page: the records, and what else the answer tells of them.
    pub(super) fn page(
        codec: Codec,
        identity: ShardIdentity,
        records: Vec<Record>,
        rest: &Value<'_>,
    ) -> Self {
        let (before, behind) = codec.around_list("Records", records.len(), rest);
        let items: usize = records.iter().map(|it| identity.members(it).encoded_len(codec)).sum();
        let between = codec.between_items().len() * records.len().saturating_sub(1);
        let left = before.len() + items + between + behind.len();
        let records = records.into_iter();
        let page = PageBody { codec, identity, before, records, behind };
        Self { left, rest: Rest::Page(Box::new(page)) }
    }

    /// Bytes still to come.
    pub const fn len(&self) -> usize {
        self.left
    }

    /// Whether nothing more comes.
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The next piece; an empty one once nothing more comes.
    pub fn next_piece(&mut self) -> Bytes {
        let piece = match &mut self.rest {
            Rest::Whole(whole) => std::mem::take(whole),
            Rest::Page(page) => page.next_piece(self.left),
        };
        self.left -= piece.len();
        piece
    }
}

/// What of a page is not encoded yet.
#[derive(Debug)]
struct PageBody {
    codec: Codec,
    identity: ShardIdentity,
    before: Vec<u8>,
    records: std::vec::IntoIter<Record>,
    behind: Vec<u8>,
}

impl PageBody {
    fn next_piece(&mut self, left: usize) -> Bytes {
        let mut piece = Vec::with_capacity(left.min(2 * REPLY_PIECE_BYTES));
        piece.append(&mut self.before);
        while piece.len() < REPLY_PIECE_BYTES
            && let Some(record) = self.records.next()
        {
            self.identity.members(&record).encode(self.codec, &mut piece);
            if self.records.len() > 0 {
                piece.extend_from_slice(self.codec.between_items());
            }
        }
        if self.records.len() == 0 {
            piece.append(&mut self.behind);
        }
        piece.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard_log::Marks;
    use crate::types::{Offset, ShardId, Timestamp};

    const IDENTITY: ShardIdentity = ShardIdentity { shard: ShardId(3), created_secs: 1_777_319_237 };

    fn record(offset: u64, bytes: usize) -> Record {
        let (arrival, data) = (Timestamp::from_millis(1_777_319_300_007), vec![7; bytes].into());
        let marks = Marks::new(offset % 2 == 1, false);
        Record { offset: Offset(offset), arrival, marks, partition_key: "k".into(), data }
    }

    fn collect(mut body: Body) -> (Bytes, usize) {
        let (mut whole, mut pieces, len) = (Vec::new(), 0, body.len());
        while !body.is_empty() {
            whole.extend_from_slice(&body.next_piece());
            pieces += 1;
        }
        assert_eq!(whole.len(), len, "as long as it said");
        (whole.into(), pieces)
    }

    #[test]
    fn a_page_is_the_output_it_stands_for_in_pieces() {
        let rest = Value::map([("NextShardIterator", "next".into()), ("MillisBehindLatest", 5.into())]);
        for (records, bytes, pieces) in [(0, 0, 1), (1, 100, 1), (100, 10_000, 5), (3, 1 << 20, 3)] {
            for codec in [Codec::Json, Codec::Cbor] {
                let records: Vec<_> = (0..records).map(|offset| record(offset, bytes)).collect();
                let (count, body) = (records.len(), Body::page(codec, IDENTITY, records, &rest));
                let (whole, made) = collect(body);
                assert!(
                    made <= pieces * 2 && made >= pieces / 2,
                    "{count} records of {bytes}: {made} pieces"
                );
                let output = codec.decode(&whole).expect("it parses");
                assert_eq!(output.get("NextShardIterator"), rest.get("NextShardIterator"));
                let read = output.get("Records").and_then(Value::as_list).expect("records");
                let numbers =
                    read.iter().map(|it| it.get("SequenceNumber").and_then(Value::as_text).unwrap());
                let number = |offset| {
                    IDENTITY.sequence_number(Offset(offset), Timestamp::from_millis(1_777_319_300_007))
                };
                assert!(numbers.eq((0..count as u64).map(|offset| number(offset).to_string())));
            }
        }
    }
}
