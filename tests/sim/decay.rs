//! Decaying media: one bit of a closed directory's files is inverted, a batch stands where another belongs,
//! or a file is gone. What is read afterwards is right, or it is an error; nothing is missing in silence but,
//! at most, the very last commit of a damaged journal, which looks like one the power cut short.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fanlight::platform::BLOCK;
use fanlight::storage::{Durability, Settings, StorageError};
use fanlight::types::LogId;
use fastrand::Rng;

use super::place::{CLASSES, Class, Map};
use super::world::{End, World, small_sizes};

/// Harms done to copies of one directory.
pub(crate) const HARMS_EACH: u64 = 32;
/// Harms other than flips, in the tally beside the classes.
const MISPLACED: Class = "(misplaced block)";
const GONE: Class = "(lost file)";

/// What became of one harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Somebody was told.
    Noticed,
    /// Everything was there all the same.
    Harmless,
}

/// Something done to the files.
#[derive(Debug)]
enum Harm {
    Flip(String, usize, u8),
    Misplace { from: String, to: String },
    Lose(String),
}

/// For each class: harms done, and how many of them were noticed.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<Class, (u64, u64)>);

impl Tally {
    /// Both together.
    pub(crate) fn plus(mut self, other: Self) -> Self {
        for (class, (harms, noticed)) in other.0 {
            let mine = self.0.entry(class).or_default();
            *mine = (mine.0 + harms, mine.1 + noticed);
        }
        self
    }

    /// All harms.
    pub(crate) fn harms(&self) -> u64 {
        self.0.values().map(|(harms, _)| harms).sum()
    }

    /// Every class was met often enough, and what is always read was always noticed.
    pub(crate) fn check(&self, flips: u64) {
        for class in CLASSES {
            let harms = self.0.get(class).map_or(0, |counted| counted.0);
            assert!(harms * 1000 > flips, "{class} was flipped {harms} times only");
        }
        for class in ["payload", "batch checksum", "journal payload"] {
            let (harms, noticed) = self.0[class];
            assert!(noticed * 4 > harms, "{class}: only {noticed} of {harms} were noticed");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, (harms, noticed)) in &self.0 {
            let harmless = harms - noticed;
            writeln!(f, "{class:>22}: {harms:6} harms, {noticed:6} noticed, {harmless:6} harmless")?;
        }
        Ok(())
    }
}

/// Fills a directory and judges what is read after one harm or another to it, each done to a copy.
pub(crate) fn run(seed: u64, tally: &mut Tally) {
    let mut rng = Rng::with_seed(seed);
    let tail_bytes = [0, 4000][rng.usize(..2)];
    let settings = Settings { durability: Durability::Sync, tail_bytes, sizes: small_sizes() };
    let mut world = World::new(seed, settings);
    fill(&mut world, &mut rng);
    let mut map = Map::default();
    for path in world.handle.paths() {
        map.add(&path, &world.handle.contents(&path).expect("a listed file"));
    }
    for _ in 0..HARMS_EACH {
        let Some((class, harm)) = choose(&world, &map, &mut rng) else { continue };
        let seed = rng.u64(..);
        let verdict = catch_unwind(AssertUnwindSafe(|| suffer(&world, &harm, seed)));
        let verdict = verdict.unwrap_or_else(|panic| {
            eprintln!("{class}: {harm:?}");
            resume_unwind(panic)
        });
        let counted = tally.0.entry(class).or_default();
        *counted = (counted.0 + 1, counted.1 + u64::from(verdict == Verdict::Noticed));
    }
}

/// Puts blocks of one segment over those of another, of the same log or not, many times.
pub(crate) fn misplace_many(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes: small_sizes() };
    let mut world = World::new(seed, settings);
    fill(&mut world, &mut rng);
    for _ in 0..HARMS_EACH {
        if let Some(harm) = misplace(&world, &mut rng) {
            suffer(&world, &harm, seed);
        }
    }
}

/// What is read after the harm, at once and after a further restart that has moved everything to segments.
fn suffer(world: &World, harm: &Harm, seed: u64) -> Verdict {
    let mut world = world.copy(seed);
    if matches!(harm, Harm::Flip(path, ..) if path.starts_with("journal")) {
        // The last commit of all cannot be told from one cut short; what is before it can.
        let last = std::mem::take(&mut world.last_to_commit);
        let committed_last = world.logs.iter_mut().filter(|(id, _)| last.contains(id));
        committed_last.for_each(|(_, log)| log.durable = log.last_commit);
    }
    match harm {
        Harm::Flip(path, at, mask) => world.handle.flip_bits(path, *at, *mask),
        Harm::Lose(path) => world.handle.lose(path),
        Harm::Misplace { from, to } => {
            let (source, target) = (world.handle.contents(from), world.handle.contents(to));
            let (source, target) = (source.expect("a file"), target.expect("a file"));
            let end = source.len().min(target.len()) - 2 * BLOCK;
            world.handle.overwrite(to, BLOCK, &source[BLOCK..end]);
        }
    }
    let first = judge(&mut world);
    if first.is_err() {
        return Verdict::Noticed;
    }
    world.engine.want_all_written();
    world.settle();
    let second = judge(&mut world);
    if first == Ok(Verdict::Noticed) || second != Ok(Verdict::Harmless) {
        return Verdict::Noticed;
    }
    Verdict::Harmless
}

fn fill(world: &mut World, rng: &mut Rng) {
    world.create_log();
    world.create_log();
    let rounds = rng.usize(5..80);
    // From some moment on only one log has anything to say: the journal forgets what the other said.
    let alone_from = rng.usize(..2 * rounds);
    // The last rounds may be too quick for write-behind.
    let hurried_from = rounds - rng.usize(..16).min(rounds);
    for round in 0..rounds {
        for (n, id) in world.logs.keys().copied().collect::<Vec<_>>().into_iter().enumerate() {
            if rng.bool() && (n == 0 || round < alone_from) {
                let bytes = [rng.usize(..200), rng.usize(..3000), rng.usize(..9000)][rng.usize(..3)];
                world.append(id, b"key", bytes);
            }
        }
        world.wall += 5;
        world.submit();
        if round >= hurried_from {
            world.commit();
            continue;
        }
        world.settle();
        match rng.u32(..12) {
            0 => world.engine.want_all_written(),
            1 => world.reopen(End::Exit, Durability::Sync),
            _ => {}
        }
    }
}

fn choose(world: &World, map: &Map, rng: &mut Rng) -> Option<(Class, Harm)> {
    let class = CLASSES[rng.usize(..CLASSES.len())];
    match rng.u32(..40) {
        0 => lose(world, rng).map(|harm| (GONE, harm)),
        1 => misplace(world, rng).map(|harm| (MISPLACED, harm)),
        _ => flip(map, class, rng).map(|harm| (class, harm)),
    }
}

fn flip(map: &Map, class: Class, rng: &mut Rng) -> Option<Harm> {
    let places = map.of(class);
    let (path, range) = places.get(rng.usize(..places.len().max(1)))?;
    Some(Harm::Flip(path.clone(), rng.usize(range.clone()), 1 << rng.u32(..8)))
}

/// A segment between two others of its log: of a first or last one that is gone nothing is left to tell.
fn lose(world: &World, rng: &mut Rng) -> Option<Harm> {
    let paths = segments(world);
    let log = |path: &str| path.split('-').next().map(str::to_owned);
    let inner: Vec<_> =
        paths.windows(3).filter(|three| three.iter().all(|path| log(path) == log(&three[1]))).collect();
    // Attempts at one segment are not listed in their order; only one of a later offset is a successor. One
    // nothing was written to yet tells nothing either.
    let base = |path: &str| path.split(['-', '.']).nth(1).map(str::to_owned);
    let tells =
        |path: &String| world.handle.contents(path).is_some_and(|all| all.iter().any(|&byte| byte != 0));
    let inner: Vec<_> =
        inner.into_iter().filter(|three| base(&three[1]) < base(&three[2]) && tells(&three[2])).collect();
    Some(Harm::Lose(inner.get(rng.usize(..inner.len().max(1)))?[1].clone()))
}

fn misplace(world: &World, rng: &mut Rng) -> Option<Harm> {
    let paths = segments(world);
    let mut one = || paths.get(rng.usize(..paths.len().max(1))).cloned();
    let (from, to) = (one()?, one()?);
    // Zeros over the end of a log look like what was never written; only bytes can be in the wrong place.
    let begins = world.handle.contents(&from)?.get(BLOCK..2 * BLOCK)?.iter().any(|&byte| byte != 0);
    // An earlier attempt at the same segment holds the same batches, perhaps fewer: over the log's end that
    // too looks like what was never written.
    let place = |path: &str| path.split(['-', '.']).take(2).map(str::to_owned).collect::<Vec<_>>();
    (place(&from) != place(&to) && begins).then_some(Harm::Misplace { from, to })
}

fn segments(world: &World) -> Vec<String> {
    world.handle.paths().into_iter().filter(|path| path.starts_with("segments")).collect()
}

fn judge(world: &mut World) -> Result<Verdict, String> {
    let damaged = world.reopen_damaged().map_err(|error| error.to_string())?;
    let mut verdict = Verdict::Harmless;
    for id in world.logs.keys().copied().collect::<Vec<_>>() {
        let is_damaged = damaged.iter().any(|(log, _)| *log == id);
        if judge_log(world, id, is_damaged) == Verdict::Noticed {
            verdict = Verdict::Noticed;
        }
    }
    Ok(verdict)
}

fn judge_log(world: &mut World, id: LogId, is_damaged: bool) -> Verdict {
    let (found, error) = world.read_while_intact(id);
    let model = world.logs.get_mut(&id).expect("a log of the world");
    for (known, found) in model.records.iter().zip(&found) {
        assert_eq!(&known.record, found, "{id}: wrong records are read");
    }
    match error {
        Some(StorageError::Damaged { .. }) => return Verdict::Noticed,
        Some(error) => panic!("{id}: {error}"),
        None => assert!(!is_damaged, "{id} is damaged, and read all the same"),
    }
    if let Err(what) = model.adopt(&found) {
        panic!("{id}: {what}");
    }
    Verdict::Harmless
}
