//! What one consumer knows of a stream's shards: which it has read to their end, and which it may begin now.
//!
//! ```text
//! split: 0 ends ─▶ 1, 2 begin        merge: 1 ends ─▶ nothing yet; 2 ends ─▶ 3 begins
//! ```
//! Every consumer starts with all open shards, so each parent of a later shard is one that it reads: a child
//! whose parent has not ended waits, also if that parent has not even begun.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::record_page::Child;

/// The shards one consumer has begun and ended.
#[derive(Default)]
pub(crate) struct Lineage {
    begun: HashSet<u16>,
    /// With the floor of each: what it promised to hold goes for those after it, too.
    ended: HashMap<u16, u64>,
}

/// A shard that is to be read from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heir {
    /// Its number.
    pub(crate) number: u16,
    /// Its id.
    pub(crate) id: Rc<str>,
    /// Acknowledged records below this came with its parents.
    pub(crate) floor: u64,
}

impl Heir {
    /// A shard that this consumer starts with.
    pub(crate) fn first(id: &str) -> Self {
        Self { number: shard_number(id), id: Rc::from(id), floor: 0 }
    }
}

impl Lineage {
    /// Notes that a shard has been read to its end, and its floor there; says which of its children are due.
    pub(crate) fn end(&mut self, shard: u16, floor: u64, children: &[Child]) -> Vec<Heir> {
        self.ended.insert(shard, floor);
        let due: Vec<_> = children.iter().filter_map(|child| self.heir(child)).collect();
        due.into_iter().filter(|heir| self.begun.insert(heir.number)).collect()
    }

    /// The child, if all its parents have ended.
    fn heir(&self, child: &Child) -> Option<Heir> {
        let floors: Option<Vec<_>> =
            child.parents.iter().map(|parent| self.ended.get(&shard_number(parent)).copied()).collect();
        let floor = floors?.into_iter().max()?;
        Some(Heir { floor, ..Heir::first(&child.id) })
    }
}

/// The number in a shard's id, `shardId-000000000012`; the last there is for an id of another form.
pub(crate) fn shard_number(id: &str) -> u16 {
    id.rsplit_once('-').and_then(|(_, digits)| digits.parse().ok()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(number: u16, parents: &[u16]) -> Child {
        let id = |number: &u16| format!("shardId-{number:012}");
        Child { id: id(&number), parents: parents.iter().map(id).collect() }
    }

    fn numbers(heirs: &[Heir]) -> Vec<u16> {
        heirs.iter().map(|heir| heir.number).collect()
    }

    #[test]
    fn the_children_of_a_split_begin_at_once_and_only_once() {
        let mut lineage = Lineage::default();
        let halves = [child(1, &[0]), child(2, &[0])];
        assert_eq!(numbers(&lineage.end(0, 7, &halves)), [1, 2]);
        assert_eq!(numbers(&lineage.end(0, 7, &halves)), [0; 0], "told twice");
    }

    #[test]
    fn the_child_of_a_merge_waits_for_both_and_takes_the_higher_floor() {
        let mut lineage = Lineage::default();
        let merged = [child(5, &[3, 4])];
        assert_eq!(lineage.end(4, 90, &merged), []);
        let heirs = lineage.end(3, 40, &merged);
        assert_eq!(numbers(&heirs), [5]);
        assert_eq!((heirs[0].floor, &*heirs[0].id), (90, "shardId-000000000005"));
    }

    #[test]
    fn a_merge_waits_for_a_parent_that_is_not_known_yet() {
        let mut lineage = Lineage::default();
        // 0 splits into 2 and 3; 3 and 4, a child of 1, merge into 6 before 1 was read to its end.
        lineage.end(0, 1, &[child(2, &[0]), child(3, &[0])]);
        assert_eq!(lineage.end(3, 1, &[child(6, &[3, 4])]), []);
        assert_eq!(numbers(&lineage.end(1, 1, &[child(4, &[1]), child(5, &[1])])), [4, 5]);
        assert_eq!(numbers(&lineage.end(4, 1, &[child(6, &[3, 4])])), [6]);
    }

    #[test]
    fn a_shard_is_known_by_its_number() {
        assert_eq!(["shardId-000000000012", "shardId-x", "12"].map(shard_number), [12, u16::MAX, u16::MAX]);
    }
}
