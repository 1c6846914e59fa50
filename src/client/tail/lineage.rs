//! Which shards are read, and when a child's turn comes: once all its parents that are read have ended.

use std::collections::BTreeSet;

use super::super::events::ChildShard;

/// The shards of one stream, as far as they are read.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    read: BTreeSet<String>,
    ended: BTreeSet<String>,
    waiting: Vec<ChildShard>,
}

impl Lineage {
    /// Begins with these; tells which are to be read now. Children of others among them wait.
    pub(super) fn begin(&mut self, shards: Vec<ChildShard>) -> Vec<String> {
        self.waiting = shards;
        // What waits for nobody of these begins; a child whose parents are not there does, too.
        let there: BTreeSet<_> = self.waiting.iter().map(|it| it.shard_id.clone()).collect();
        self.due(|parent| !there.contains(parent))
    }

    /// A shard has ended with these children; tells which shards are to be read now.
    pub(super) fn ended(&mut self, shard: &str, children: Vec<ChildShard>) -> Vec<String> {
        self.ended.insert(shard.to_owned());
        for child in children {
            let is_known = self.read.contains(&child.shard_id)
                || self.waiting.iter().any(|waiting| waiting.shard_id == child.shard_id);
            if !is_known {
                self.waiting.push(child);
            }
        }
        let others: BTreeSet<_> =
            self.read.iter().chain(self.waiting.iter().map(|it| &it.shard_id)).cloned().collect();
        let ended = self.ended.clone();
        self.due(|parent| ended.contains(parent) || !others.contains(parent))
    }

    /// Whether nothing is left to be read.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.read.len() == self.ended.len()
    }

    fn due(&mut self, is_done: impl Fn(&str) -> bool) -> Vec<String> {
        let is_due = |child: &ChildShard| child.parent_shards.iter().all(|parent| is_done(parent));
        let (due, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(is_due);
        self.waiting = waiting;
        let due: Vec<_> = Vec::into_iter(due).map(|child| child.shard_id).collect();
        self.read.extend(due.iter().cloned());
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> ChildShard {
        let parent_shards = parents.iter().map(|it| (*it).to_owned()).collect();
        ChildShard { shard_id: id.to_owned(), parent_shards }
    }

    #[test]
    fn children_come_after_their_parents_however_they_are_learnt_of() {
        let mut lineage = Lineage::default();
        // a was split into b and c, of which c is listed already.
        let begun = lineage.begin(vec![shard("a", &[]), shard("c", &["a"]), shard("z", &["forgotten"])]);
        assert_eq!(begun, ["a", "z"]);
        let children = vec![shard("b", &["a"]), shard("c", &["a"])];
        assert_eq!(lineage.ended("a", children), ["c", "b"]);
        assert_eq!(lineage.ended("z", Vec::new()), Vec::<String>::new());
        assert!(!lineage.is_over());
    }

    #[test]
    fn a_merged_child_waits_for_both() {
        let mut lineage = Lineage::default();
        assert_eq!(lineage.begin(vec![shard("a", &[]), shard("b", &[])]), ["a", "b"]);
        let child = || vec![shard("c", &["a", "b"])];
        assert_eq!(lineage.ended("a", child()), Vec::<String>::new());
        assert_eq!(lineage.ended("b", child()), ["c"]);
        assert_eq!(lineage.ended("c", Vec::new()), Vec::<String>::new());
        assert!(lineage.is_over());
    }
}
