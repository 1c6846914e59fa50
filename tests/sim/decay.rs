//! Decaying media: one bit of one file of a closed directory is inverted. What is read afterwards is right,
//! or it is an error; nothing is missing in silence but, at most, the very last commit of a damaged journal,
//! which looks like one the power cut short.

use fanlight::storage::{Durability, Settings, StorageError};
use fanlight::types::LogId;
use fastrand::Rng;

use super::world::{End, World, small_sizes};

/// What became of one flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Somebody was told.
    Noticed,
    /// Everything was there all the same.
    Harmless,
}

/// Fills a directory, inverts a bit of it, and judges what is read then, at once and after a further restart
/// that has moved everything to segments.
pub(crate) fn run(seed: u64) -> Verdict {
    let mut rng = Rng::with_seed(seed);
    let tail_bytes = [0, 4000][rng.usize(..2)];
    let settings = Settings { durability: Durability::Sync, tail_bytes, sizes: small_sizes() };
    let mut world = World::new(seed, settings);
    fill(&mut world, &mut rng);
    let Some((path, at)) = choose(&world, &mut rng) else { return Verdict::Harmless };
    if path.starts_with("journal") {
        // The last commit of all cannot be told from one cut short; what is before it can.
        world.logs.values_mut().for_each(|log| log.durable = log.last_commit);
    }
    let flip = (path.as_str(), at, 1 << rng.u32(..8));
    let first = judge(&mut world, Some(flip));
    if first.is_err() {
        return Verdict::Noticed;
    }
    world.engine.want_all_written();
    world.settle();
    let second = judge(&mut world, None);
    if first == Ok(Verdict::Noticed) || second != Ok(Verdict::Harmless) {
        return Verdict::Noticed;
    }
    Verdict::Harmless
}

fn fill(world: &mut World, rng: &mut Rng) {
    world.create_log();
    world.create_log();
    for _ in 0..rng.usize(5..60) {
        for id in world.logs.keys().copied().collect::<Vec<_>>() {
            if rng.bool() {
                let bytes = [rng.usize(..200), rng.usize(..3000), rng.usize(..9000)][rng.usize(..3)];
                world.append(id, b"key", bytes);
            }
        }
        world.wall += 5;
        world.submit();
        world.settle();
        match rng.u32(..12) {
            0 => world.engine.want_all_written(),
            1 => world.reopen(End::Exit, Durability::Sync),
            _ => {}
        }
    }
    world.settle();
}

/// A byte of a file, most often one that means something.
fn choose(world: &World, rng: &mut Rng) -> Option<(String, usize)> {
    let paths = world.handle.paths();
    let path = paths.get(rng.usize(..paths.len()))?.clone();
    let contents = world.handle.contents(&path)?;
    let meaningful: Vec<_> = (0..contents.len()).filter(|&at| contents[at] != 0).collect();
    let at = match rng.u32(..10) {
        0 => rng.usize(..contents.len()),
        1..4 => *meaningful.get(rng.usize(..meaningful.len().clamp(1, 200)))?,
        _ => *meaningful.get(rng.usize(..meaningful.len().max(1)))?,
    };
    Some((path, at))
}

fn judge(world: &mut World, flip: Option<(&str, usize, u8)>) -> Result<Verdict, String> {
    let damaged = world.reopen_damaged(flip).map_err(|error| error.to_string())?;
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
