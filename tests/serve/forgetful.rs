//! A volume that forgets: what was written but not synced, data and names alike, is gone or torn after a
//! power cut, each sector and each name by a throw of the dice. A failed sync leaves what it covered to
//! chance for good, as kernels do that mark such pages clean. Knows nothing of FUSE; `forgetful_mount`
//! serves it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use fastrand::Rng;
use rustix::io::Errno;

/// Bytes that survive or vanish together.
const SECTOR: usize = 512;
/// The root directory.
pub(crate) const ROOT: u64 = 1;

/// A sector as stable storage holds it; none where it holds nothing.
type Old = Option<Box<[u8]>>;

/// A file: what readers see, and for each sector that a power cut may take back, what it goes back to.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) data: Vec<u8>,
    durable_len: usize,
    /// Covered by the next sync.
    dirty: BTreeMap<usize, Old>,
    /// A sync has failed on these: no later one covers them.
    doubtful: BTreeMap<usize, Old>,
}

/// A directory, and what stable storage holds of the names that changed since its last sync.
#[derive(Debug, Default)]
pub(crate) struct Dir {
    pub(crate) entries: BTreeMap<OsString, u64>,
    unsettled: BTreeMap<OsString, Option<u64>>,
}

#[derive(Debug)]
pub(crate) enum Node {
    File(File),
    Dir(Dir),
}

/// See the module's words.
#[derive(Debug)]
pub(crate) struct Volume {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    rng: Rng,
    /// The power is off: nothing has an effect any more.
    is_off: bool,
    /// Lives of the machine; what was opened in an earlier one has no effect.
    pub(crate) boot: u64,
    /// Syncs and durable writes until one fails.
    fails_in: Option<u64>,
    /// All of them fail, and syncs of directories.
    pub(crate) fails_all: bool,
    /// No room for more.
    pub(crate) is_full: bool,
    /// Sectors and names that power cuts have taken.
    pub(crate) forgotten: u64,
}

impl Volume {
    pub(crate) fn new(seed: u64) -> Volume {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(Dir::default()))]);
        let rng = Rng::with_seed(seed);
        let (next, boot) = (ROOT + 1, 1);
        let (is_off, fails_in, fails_all, is_full) = (false, None, false, false);
        Volume { nodes, next, rng, is_off, boot, fails_in, fails_all, is_full, forgotten: 0 }
    }

    /// The power goes: whoever still runs notices by errors.
    pub(crate) fn power_off(&mut self) {
        self.is_off = true;
    }

    /// The power is back, without what was not synced.
    pub(crate) fn power_on(&mut self) {
        // Sometimes the whole cache is lost, most often a part of it.
        let keeps = if self.rng.u32(..4) == 0 { 0 } else { 128 };
        let rng = &mut self.rng;
        for node in self.nodes.values_mut() {
            self.forgotten += match node {
                Node::File(file) => file.forget(|| rng.u8(..) < keeps),
                Node::Dir(dir) => dir.forget(|| rng.u8(..) < keeps),
            };
        }
        self.drop_unreachable();
        (self.is_off, self.fails_in, self.fails_all, self.is_full) = (false, None, false, false);
        self.boot += 1;
    }

    /// The `n`-th sync or durable write from now on fails.
    pub(crate) fn fail_sync(&mut self, n: u64) {
        self.fails_in = Some(n);
    }

    pub(crate) fn node(&self, id: u64) -> Result<&Node, Errno> {
        self.nodes.get(&id).ok_or(Errno::NOENT)
    }

    pub(crate) fn dir(&self, id: u64) -> Result<&Dir, Errno> {
        match self.node(id)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(Errno::NOTDIR),
        }
    }

    pub(crate) fn file(&self, id: u64) -> Result<&File, Errno> {
        match self.node(id)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(Errno::ISDIR),
        }
    }

    fn file_mut(&mut self, id: u64) -> Result<&mut File, Errno> {
        if self.is_off {
            return Err(Errno::IO);
        }
        match self.nodes.get_mut(&id).ok_or(Errno::NOENT)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(Errno::ISDIR),
        }
    }

    fn dir_mut(&mut self, id: u64) -> Result<&mut Dir, Errno> {
        if self.is_off {
            return Err(Errno::IO);
        }
        match self.nodes.get_mut(&id).ok_or(Errno::NOENT)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(Errno::NOTDIR),
        }
    }

    pub(crate) fn lookup(&self, dir: u64, name: &OsStr) -> Result<u64, Errno> {
        self.dir(dir)?.entries.get(name).copied().ok_or(Errno::NOENT)
    }

    pub(crate) fn make(&mut self, dir: u64, name: &OsStr, node: Node) -> Result<u64, Errno> {
        if self.lookup(dir, name).is_ok() {
            return Err(Errno::EXIST);
        }
        let id = self.next;
        self.dir_mut(dir)?.set(name, Some(id));
        self.next += 1;
        self.nodes.insert(id, node);
        Ok(id)
    }

    pub(crate) fn unlink(&mut self, dir: u64, name: &OsStr) -> Result<(), Errno> {
        self.lookup(dir, name)?;
        self.dir_mut(dir)?.set(name, None);
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Result<(), Errno> {
        let id = self.lookup(from.0, from.1)?;
        self.dir_mut(from.0)?.set(from.1, None);
        self.dir_mut(to.0)?.set(to.1, Some(id));
        Ok(())
    }

    pub(crate) fn resize(&mut self, id: u64, len: usize) -> Result<(), Errno> {
        if self.is_full && self.file(id)?.data.len() < len {
            return Err(Errno::NOSPC);
        }
        self.file_mut(id)?.data.resize(len, 0);
        Ok(())
    }

    pub(crate) fn write(&mut self, id: u64, at: usize, bytes: &[u8], durable: bool) -> Result<(), Errno> {
        if self.is_full && self.file(id)?.data.len() < at + bytes.len() {
            return Err(Errno::NOSPC);
        }
        self.file_mut(id)?.write(at, bytes);
        if durable {
            let fails = self.next_sync_fails();
            self.file_mut(id)?.sync(at..at + bytes.len(), fails)?;
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self, id: u64) -> Result<(), Errno> {
        let fails = self.next_sync_fails();
        self.file_mut(id)?.sync(0..usize::MAX, fails)
    }

    pub(crate) fn sync_dir(&mut self, id: u64) -> Result<(), Errno> {
        if self.fails_all {
            return Err(Errno::IO);
        }
        self.dir_mut(id)?.unsettled.clear();
        Ok(())
    }

    fn next_sync_fails(&mut self) -> bool {
        let left = self.fails_in.and_then(|left| left.checked_sub(1));
        self.fails_in = left;
        left == Some(0) || self.fails_all
    }

    fn drop_unreachable(&mut self) {
        let mut reachable = BTreeSet::new();
        let mut waiting = vec![ROOT];
        while let Some(id) = waiting.pop() {
            reachable.insert(id);
            if let Ok(dir) = self.dir(id) {
                waiting.extend(dir.entries.values());
            }
        }
        self.nodes.retain(|id, _| reachable.contains(id));
    }
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            // The oldest is what stable storage holds.
            if let Some(old) = self.doubtful.remove(&sector) {
                self.dirty.insert(sector, old);
            } else if !self.dirty.contains_key(&sector) {
                let old = self.data.get(sector * SECTOR..((sector + 1) * SECTOR).min(self.data.len()));
                self.dirty.insert(sector, old.filter(|old| old.iter().any(|&byte| byte != 0)).map(Box::from));
            }
        }
        self.data.resize(self.data.len().max(end), 0);
        self.data[at..end].copy_from_slice(bytes);
    }

    fn sync(&mut self, range: std::ops::Range<usize>, fails: bool) -> Result<(), Errno> {
        let sectors = range.start / SECTOR..range.end.div_ceil(SECTOR);
        let mut covered = self.dirty.split_off(&sectors.start);
        let mut behind = covered.split_off(&sectors.end);
        self.dirty.append(&mut behind);
        if fails {
            self.doubtful.append(&mut covered);
            return Err(Errno::IO);
        }
        self.durable_len = self.durable_len.max(range.end.min(self.data.len()));
        Ok(())
    }

    fn forget(&mut self, mut keeps: impl FnMut() -> bool) -> u64 {
        let mut forgotten = 0;
        let unsure = std::mem::take(&mut self.dirty).into_iter().chain(std::mem::take(&mut self.doubtful));
        for (sector, old) in unsure {
            if !keeps() {
                forgotten += 1;
                let end = ((sector + 1) * SECTOR).min(self.data.len());
                let bytes = self.data.get_mut(sector * SECTOR..end).unwrap_or_default();
                bytes.fill(0);
                let old = old.unwrap_or_default();
                let len = old.len().min(bytes.len());
                bytes[..len].copy_from_slice(&old[..len]);
            }
        }
        if self.durable_len < self.data.len() && !keeps() {
            self.data.truncate(self.durable_len);
        }
        self.durable_len = self.data.len();
        forgotten
    }
}

impl Dir {
    fn set(&mut self, name: &OsStr, id: Option<u64>) {
        let before = match id {
            Some(id) => self.entries.insert(name.to_owned(), id),
            None => self.entries.remove(name),
        };
        self.unsettled.entry(name.to_owned()).or_insert(before);
    }

    fn forget(&mut self, mut keeps: impl FnMut() -> bool) -> u64 {
        let mut forgotten = 0;
        for (name, before) in std::mem::take(&mut self.unsettled) {
            if !keeps() {
                forgotten += 1;
                match before {
                    Some(id) => drop(self.entries.insert(name, id)),
                    None => drop(self.entries.remove(&name)),
                }
            }
        }
        forgotten
    }
}

#[test]
fn does_the_volume_forget_what_was_not_synced_and_nothing_else() {
    let name = OsStr::new;
    let left = |story: &dyn Fn(&mut Volume, u64)| {
        let outcome = |seed| {
            let mut volume = Volume::new(seed);
            let file = volume.make(ROOT, name("a"), Node::File(File::default())).unwrap();
            story(&mut volume, file);
            volume.power_off();
            volume.write(file, 0, &[9; 512], true).unwrap_err();
            volume.power_on();
            let id = volume.lookup(ROOT, name("a")).ok()?;
            Some(volume.file(id).unwrap().data.first().copied().unwrap_or(0))
        };
        (0..60).map(outcome).collect::<BTreeSet<_>>()
    };
    let durably = |volume: &mut Volume, file: u64| {
        volume.write(file, 0, &[1; 512], true).unwrap();
        volume.sync_dir(ROOT).unwrap();
    };
    assert_eq!(left(&|volume, file| durably(volume, file)), [Some(1)].into());
    assert_eq!(left(&|volume, file| volume.write(file, 0, &[1; 512], true).unwrap()), [None, Some(1)].into());
    let unsynced = |volume: &mut Volume, file: u64| {
        durably(volume, file);
        volume.write(file, 0, &[2; 512], false).unwrap();
    };
    assert_eq!(left(&|volume, file| unsynced(volume, file)), [Some(1), Some(2)].into());
    let synced = |volume: &mut Volume, file: u64| {
        unsynced(volume, file);
        volume.sync(file).unwrap();
    };
    assert_eq!(left(&|volume, file| synced(volume, file)), [Some(2)].into());
    let failed = |volume: &mut Volume, file: u64| {
        unsynced(volume, file);
        volume.fail_sync(1);
        assert_eq!(volume.sync(file), Err(Errno::IO));
        volume.sync(file).unwrap();
    };
    assert_eq!(left(&|volume, file| failed(volume, file)), [Some(1), Some(2)].into(), "pages marked clean");
    let unlinked = |volume: &mut Volume, file: u64| {
        durably(volume, file);
        volume.unlink(ROOT, name("a")).unwrap();
    };
    assert_eq!(left(&|volume, file| unlinked(volume, file)), [None, Some(1)].into());
}
