//! One segment file: header, footer, index, batches, and how it goes on from the segment before.

use std::io;

use crate::limits;
use crate::platform::{BLOCK, Disk};
use crate::shard_log::{SegmentFooter, SegmentHeader, SegmentIndex, is_index, open_footer};
use crate::storage::{Flaw, SegmentName, SegmentWalk};
use crate::types::Offset;

use super::Damage;
use super::visit::{Place, SegmentFound, Visit};
use super::walk::LogState;
use super::window::Window;

const READERS_ERR: &str = "readers of that place get an error";
const SCANNED: &str = "the segment is read from its start at every start of the server";

/// A segment being looked at.
pub(super) struct SegmentFile<'a> {
    pub(super) name: SegmentName,
    /// Where the log's next segment begins.
    pub(super) successor: Option<Offset>,
    pub(super) log: &'a mut LogState,
}

impl SegmentFile<'_> {
    pub(super) fn look(mut self, disk: &mut dyn Disk, visit: &mut dyn Visit) -> io::Result<()> {
        let path = self.name.path();
        let mut window = Window::open(disk, &path)?;
        let looked = self.look_through(disk, &mut window, &path, visit);
        window.close(disk);
        looked
    }

    fn look_through(
        &mut self,
        disk: &mut dyn Disk,
        window: &mut Window,
        path: &str,
        visit: &mut dyn Visit,
    ) -> io::Result<()> {
        let block = window.get(disk, 0, BLOCK)?;
        if block.iter().take(BLOCK).all(|&byte| byte == 0) {
            visit.note(format!("{path} was made but never written to; the next start removes it"));
            return Ok(());
        }
        let Some(header) = SegmentHeader::open(&block) else {
            visit.damage(Damage::new(
                path,
                0,
                "the header is damaged",
                "the whole shard is neither read nor written",
            ));
            return Ok(());
        };
        if (header.log, header.base) != (self.name.log, self.name.base) {
            visit.damage(Damage::new(path, 0, "the header is that of another segment", READERS_ERR));
            return Ok(());
        }
        if self.log.has_segments && header.previous.checksum != self.log.last_checksum {
            let meaning = "records are missing between them; the whole shard is neither read nor written";
            visit.damage(Damage::new(path, 0, "it does not follow the segment before it", meaning));
        }
        match self.footer(disk, window, path, visit)? {
            Some((footer, index)) => self.sealed(disk, window, (path, header, footer, index), visit),
            None => self.unsealed(disk, window, (path, header), visit),
        }
    }

    /// What a sealed segment says of itself.
    fn footer(
        &self,
        disk: &mut dyn Disk,
        window: &mut Window,
        path: &str,
        visit: &mut dyn Visit,
    ) -> io::Result<Option<(SegmentFooter, SegmentIndex)>> {
        let at = window.bytes.saturating_sub(BLOCK as u64);
        let block = window.get(disk, at, BLOCK)?;
        let Some((footer, index_at, index_bytes)) = open_footer(&block) else {
            if block.iter().any(|&byte| byte != 0) {
                visit.damage(Damage::new(path, at, "the footer is damaged", SCANNED));
            }
            return Ok(None);
        };
        if self.successor.is_some_and(|successor| footer.end > successor) {
            let what = "the footer has the segment end behind where the next one begins";
            visit.damage(Damage::new(path, at, what, SCANNED));
            return Ok(None);
        }
        let index = window.get(disk, index_at, index_bytes)?;
        let index = index.get(..index_bytes).and_then(|index| SegmentFooter::open_index(&block, index));
        if index.is_none() {
            visit.damage(Damage::new(path, index_at, "the index is damaged", SCANNED));
        }
        Ok(index.map(|index| (footer, index)))
    }

    fn sealed(
        &mut self,
        disk: &mut dyn Disk,
        window: &mut Window,
        (path, header, footer, index): (&str, SegmentHeader, SegmentFooter, SegmentIndex),
        visit: &mut dyn Visit,
    ) -> io::Result<()> {
        let found = SegmentFound {
            name: self.name,
            path,
            bytes: window.bytes,
            footer: Some(footer),
            index_entries: index.len(),
        };
        let wanted = visit.segment(&found)?;
        self.log.enter(header.previous.checksum, self.name.base);
        if wanted {
            let mut walk = SegmentWalk::sealed(self.name.log, header.previous.checksum, &footer, index);
            for flaw in self.batches(disk, window, path, &mut walk, visit)? {
                visit.damage(damage_of(path, &flaw));
            }
        }
        // An attempt that came to hold nothing has no last batch: what came before it still does.
        if footer.end > self.name.base {
            self.log.reach(footer.end, footer.last.checksum);
        }
        Ok(())
    }

    /// Shows the batches of a walk; tells what was wrong. The walk over an unsealed segment ends there.
    fn batches(
        &mut self,
        disk: &mut dyn Disk,
        window: &mut Window,
        path: &str,
        walk: &mut SegmentWalk,
        visit: &mut dyn Visit,
    ) -> io::Result<Vec<Flaw>> {
        let mut flaws = Vec::new();
        while let Some((at, len)) = walk.next_read(limits::SCAN_BYTES) {
            let mut block = window.get(disk, at, len)?;
            block.truncate(len);
            let mut failed = Ok(());
            flaws.extend(walk.take(block, |at, batch| {
                let is_taken_over = self.successor.is_some_and(|successor| batch.base() >= successor);
                if failed.is_ok() && !is_taken_over {
                    self.log.take(batch);
                    let place = Place { file: path, at, is_repeated: false, is_journal: false };
                    failed = visit.batch(place, batch);
                }
            }));
            failed?;
        }
        Ok(flaws)
    }

    fn unsealed(
        &mut self,
        disk: &mut dyn Disk,
        window: &mut Window,
        (path, header): (&str, SegmentHeader),
        visit: &mut dyn Visit,
    ) -> io::Result<()> {
        let (name, bytes) = (self.name, window.bytes);
        visit.segment(&SegmentFound { name, path, bytes, footer: None, index_entries: 0 })?;
        self.log.enter(header.previous.checksum, name.base);
        let mut walk = SegmentWalk::unsealed(name.log, name.base, header.previous.checksum, bytes);
        let flaws = self.batches(disk, window, path, &mut walk, visit)?;
        let Some(end) = flaws.first() else { return Ok(()) };
        let rest = window.get(disk, end.at, BLOCK)?;
        let is_unwritten = rest.iter().take(BLOCK).all(|&byte| byte == 0) || is_index(&rest);
        let is_end = end.at.is_multiple_of(BLOCK as u64) && is_unwritten;
        if !is_end && self.successor.is_none() {
            // No harm if the journal goes on from here: then it is a write that was under way.
            self.log.unproven = Some((path.to_owned(), end.at));
        }
        Ok(())
    }
}

fn damage_of(path: &str, flaw: &Flaw) -> Damage {
    let meaning = match flaw.records {
        Some((from, until)) => {
            format!("records from offset {from} up to {until} cannot be read; {READERS_ERR}")
        }
        None => "reading may begin at the wrong place".to_owned(),
    };
    Damage::new(path, flaw.at, flaw.what, meaning)
}
