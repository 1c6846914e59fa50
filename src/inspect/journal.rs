//! The journal's files: the entries of each file's latest use, as recovery believes them.

use std::io;

use bytes::Bytes;

use crate::platform::{BLOCK, Disk};
use crate::shard_log::{ENTRY_HEADER_BYTES, Entry, EntryError, EntryHeader, UseEnd, entry_len, open_entry};

use super::Damage;
use super::window::Window;

const NO_START: &str = "the server refuses to start rather than lose acknowledged records in silence";

/// The latest use of a journal file.
pub(super) struct JournalUse {
    pub(super) path: String,
    /// Orders uses; none if nothing was ever written to the file, or nothing in it is needed any more.
    pub(super) generation: Option<u64>,
    /// Where earlier uses end, as its first entry tells, and whether they were durable when it did.
    tells: (Vec<UseEnd>, bool),
    /// Where it ends itself, as a later one tells: what lies behind is void.
    told: Option<(UseEnd, bool)>,
}

/// The entry a walk came to last.
#[derive(Clone, Debug)]
pub(super) struct LastEntry {
    pub(super) header: EntryHeader,
    checksum: u32,
    file: String,
    ends_at: u64,
}

impl LastEntry {
    fn is_followed_by(&self, entry: &Entry) -> bool {
        entry.header.commit == self.header.commit + 1 && entry.header.previous_checksum == self.checksum
    }

    /// The damage if its use should have gone on to `end`.
    fn misses(&self, end: &UseEnd) -> Option<Damage> {
        let is_there = (self.header.commit, self.checksum) == (end.commit, end.checksum);
        let what = "the entry a later file goes on from is missing";
        (!is_there).then(|| Damage::new(&self.file, self.ends_at, what, NO_START))
    }
}

/// The uses of all files, oldest first.
pub(super) fn uses(disk: &mut dyn Disk, damage: &mut Vec<Damage>) -> io::Result<Vec<JournalUse>> {
    let mut uses = Vec::new();
    for listed in disk.list("journal")?.into_iter().filter(|listed| is_journal_file(&listed.name)) {
        let path = format!("journal/{}", listed.name);
        let mut window = Window::open(disk, &path)?;
        let first = entry_at(disk, &mut window, 0);
        let is_unused = is_all_zeros(disk, &mut window);
        window.close(disk);
        let (generation, tells) = match first? {
            Ok(entry) if entry.batches.is_empty() => {
                (Some(entry.header.generation), (entry.ends, entry.header.synced))
            }
            Err(error @ EntryError::UnknownVersion(_)) => {
                damage.push(Damage::new(&path, 0, error.to_string(), "this version cannot read it"));
                continue;
            }
            _ if is_unused? => (None, (Vec::new(), true)),
            _ => {
                damage.push(Damage::new(&path, 0, "the first entry is damaged", NO_START));
                continue;
            }
        };
        uses.push(JournalUse { path, generation, tells, told: None });
    }
    uses.sort_by_key(|used| used.generation);
    tell_ends(&mut uses);
    Ok(uses)
}

/// Has later uses tell where earlier ones end. Of one that the newest does not tell of, segments held
/// everything when that began.
fn tell_ends(uses: &mut [JournalUse]) {
    for later in (0..uses.len()).rev() {
        let (ends, synced) = uses[later].tells.clone();
        for end in ends {
            let told = uses[..later].iter_mut().find(|used| used.generation == Some(end.generation));
            if let Some(told) =
                told.filter(|told| told.told.is_none_or(|(before, _)| end.commit < before.commit))
            {
                told.told = Some((end, synced));
            }
        }
    }
    let Some((newest, earlier)) = uses.split_last_mut() else { return };
    for used in earlier {
        let is_told = newest.tells.0.iter().any(|end| used.generation == Some(end.generation));
        used.generation = used.generation.filter(|_| is_told);
    }
}

pub(super) fn is_journal_file(name: &str) -> bool {
    name.strip_suffix(".log").is_some_and(|name| name.parse::<u32>().is_ok())
}

fn is_all_zeros(disk: &mut dyn Disk, window: &mut Window) -> io::Result<bool> {
    let mut at = 0;
    while at < window.bytes {
        let bytes = window.get(disk, at, BLOCK)?;
        if bytes.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        at += bytes.len() as u64;
    }
    Ok(true)
}

/// The entry at `at`; the window holds all of it meanwhile, so its size is checked first.
fn entry_at(disk: &mut dyn Disk, window: &mut Window, at: u64) -> io::Result<Result<Entry, EntryError>> {
    let head = window.get(disk, at, ENTRY_HEADER_BYTES)?;
    let Some(len) = entry_len(&head) else { return Ok(Err(EntryError::Absent)) };
    if at + len as u64 > window.bytes {
        return Ok(Err(EntryError::Damaged));
    }
    let bytes: Bytes = window.get(disk, at, len)?;
    Ok(open_entry(&bytes))
}

/// Shows the entries of one use in order with their positions; tells how many. `last` is the entry before
/// the first, then the last one.
pub(super) fn walk(
    disk: &mut dyn Disk,
    used: &JournalUse,
    last: &mut Option<LastEntry>,
    damage: &mut Vec<Damage>,
    mut show: impl FnMut(u64, &Entry) -> io::Result<()>,
) -> io::Result<u64> {
    let mut window = Window::open(disk, &used.path)?;
    let walked = walk_window(disk, &mut window, used, last, damage, &mut show);
    window.close(disk);
    walked
}

fn walk_window(
    disk: &mut dyn Disk,
    window: &mut Window,
    used: &JournalUse,
    last: &mut Option<LastEntry>,
    damage: &mut Vec<Damage>,
    show: &mut dyn FnMut(u64, &Entry) -> io::Result<()>,
) -> io::Result<u64> {
    let (mut at, mut count) = (0, 0);
    while at < window.bytes {
        let Ok(entry) = entry_at(disk, window, at)? else { break };
        let follows = last.as_ref().filter(|_| count > 0).is_none_or(|last| {
            last.header.generation == entry.header.generation && last.is_followed_by(&entry)
        });
        if !follows || used.told.is_some_and(|(end, _)| entry.header.commit > end.commit) {
            break;
        }
        show(at, &entry)?;
        at += entry.len.next_multiple_of(BLOCK) as u64;
        count += 1;
        let (header, checksum, file) = (entry.header, entry.checksum, used.path.clone());
        *last = Some(LastEntry { header, checksum, file, ends_at: at });
    }
    let Some(last) = last.as_ref().filter(|_| count > 0) else { return Ok(count) };
    match used.told {
        Some((end, synced)) => damage.extend(last.misses(&end).filter(|_| synced)),
        None if has_synced_entry_after(disk, window, at, last)? => {
            let what = "an entry is unreadable although an acknowledged one lies behind it";
            damage.push(Damage::new(&used.path, at, what, NO_START));
        }
        None => {}
    }
    Ok(count)
}

/// Whether an intact entry of the same use lies behind `at` that was begun only once all before it were
/// durable.
fn has_synced_entry_after(
    disk: &mut dyn Disk,
    window: &mut Window,
    at: u64,
    last: &LastEntry,
) -> io::Result<bool> {
    for at in (at..window.bytes).step_by(BLOCK) {
        if let Ok(entry) = entry_at(disk, window, at)? {
            let EntryHeader { generation, commit, synced, .. } = entry.header;
            if generation == last.header.generation && commit > last.header.commit && synced {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
