//! What the simulation promises to lose and to keep.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use super::super::{AlignedBuf, Outcome, Preallocation};
use super::*;

const EIO: i32 = 5;

fn run(disk: &mut SimDisk, op: Op) -> io::Result<Outcome> {
    let mut out = Vec::new();
    disk.submit(Token(1), op);
    disk.wait();
    while out.is_empty() {
        disk.reap(&mut out);
    }
    out.remove(0).result
}

fn create(disk: &mut SimDisk, path: &str) -> FileId {
    let op = Op::Create { path: path.to_owned(), bytes: BLOCK as u64, preallocation: Preallocation::Zeroed };
    match run(disk, op) {
        Ok(Outcome::Created(file)) => file,
        other => panic!("{other:?}"),
    }
}

fn write(file: FileId, byte: u8, durable: bool) -> Op {
    let mut buf = AlignedBuf::zeroed(BLOCK);
    buf.as_mut_slice().fill(byte);
    Op::Write { file, at: 0, buf, durable }
}

/// The distinct bytes a file holds, each sector being of one.
fn bytes(handle: &SimHandle) -> BTreeSet<u8> {
    let contents = handle.contents("log").unwrap();
    contents.chunks(SECTOR).for_each(|sector| assert!(sector.iter().all(|byte| *byte == sector[0])));
    contents.into_iter().collect()
}

/// Runs `story` on many disks, each with a file `log`, then cuts the power; gives all that was ever left.
fn left_after(story: impl Fn(&mut SimDisk, FileId)) -> BTreeSet<u8> {
    let outcome = |seed| {
        let mut disk = SimDisk::new(seed);
        let file = create(&mut disk, "log");
        story(&mut disk, file);
        bytes(&disk.handle().crash().handle())
    };
    (0..50).flat_map(outcome).collect()
}

#[test]
fn durable_writes_survive() {
    let left = left_after(|disk, file| {
        run(disk, write(file, 1, true)).unwrap();
    });
    assert_eq!(left, [1].into());
}

#[test]
fn other_writes_survive_a_sync_and_else_by_chance() {
    let left = left_after(|disk, file| {
        run(disk, write(file, 1, false)).unwrap();
    });
    assert_eq!(left, [0, 1].into());
    let left = left_after(|disk, file| {
        run(disk, write(file, 1, false)).unwrap();
        run(disk, Op::Sync { file }).unwrap();
    });
    assert_eq!(left, [1].into());
}

#[test]
fn a_write_in_flight_may_be_torn_at_sectors() {
    let left = left_after(|disk, file| {
        disk.submit(Token(2), write(file, 1, true));
        disk.kick();
    });
    assert_eq!(left, [0, 1].into());
}

#[test]
fn what_was_never_kicked_never_happens() {
    let left = left_after(|disk, file| disk.submit(Token(2), write(file, 1, true)));
    assert_eq!(left, [0].into());
}

#[test]
fn a_sync_does_not_undo_a_later_durable_write() {
    let left = left_after(|disk, file| {
        run(disk, write(file, 1, false)).unwrap();
        disk.submit(Token(7), Op::Sync { file });
        disk.submit(Token(8), write(file, 2, true));
        disk.kick();
        // Whichever ends first, once both have ended the durable write stands.
        while disk.handle().in_flight() > 0 {
            disk.reap(&mut Vec::new());
        }
        run(disk, write(file, 3, false)).unwrap();
    });
    assert_eq!(left, [2, 3].into());
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next() {
    let left = left_after(|disk, file| {
        run(disk, write(file, 1, false)).unwrap();
        disk.handle().fail_nth(1, Fault::Errno(EIO));
        assert_eq!(run(disk, Op::Sync { file }).unwrap_err().raw_os_error(), Some(EIO));
        run(disk, Op::Sync { file }).unwrap();
    });
    assert_eq!(left, [0, 1].into());
}

#[test]
fn faults_strike_the_operation_they_are_planned_for() {
    let mut disk = SimDisk::new(1);
    let (handle, file) = (disk.handle(), create(&mut disk, "log"));
    handle.fail_nth(2, Fault::Short);
    handle.fail_nth(3, Fault::Kind(ErrorKind::StorageFull));
    run(&mut disk, write(file, 1, true)).unwrap();
    assert_eq!(run(&mut disk, write(file, 2, true)).unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(run(&mut disk, write(file, 2, true)).unwrap_err().kind(), ErrorKind::StorageFull);
    run(&mut disk, write(file, 3, true)).unwrap();
    assert_eq!(bytes(&handle), [3].into());
    assert_eq!(handle.operations(), 5);
}

#[test]
fn a_full_disk_refuses_new_files_only() {
    let mut disk = SimDisk::new(1);
    let file = create(&mut disk, "log");
    disk.handle().set_full(true);
    let op = Op::Create { path: "more".to_owned(), bytes: 4096, preallocation: Preallocation::Reserved };
    assert_eq!(run(&mut disk, op).unwrap_err().kind(), ErrorKind::StorageFull);
    run(&mut disk, write(file, 1, true)).unwrap();
    disk.handle().set_full(false);
    create(&mut disk, "more");
    assert_eq!(disk.handle().paths(), ["log", "more"]);
}

#[test]
fn decay_goes_unnoticed_and_stays() {
    let mut disk = SimDisk::new(1);
    create(&mut disk, "log");
    disk.handle().flip_bits("log", 700, 0b100);
    assert_eq!(disk.handle().crash().handle().contents("log").unwrap()[700], 0b100);
}

#[test]
fn names_in_flight_may_or_may_not_be_there() {
    let outcome = |seed| {
        let mut disk = SimDisk::new(seed);
        create(&mut disk, "old");
        disk.submit(Token(2), Op::Remove { path: "old".to_owned() });
        let bytes = BLOCK as u64;
        let path = "new".to_owned();
        disk.submit(Token(3), Op::Create { path, bytes, preallocation: Preallocation::Zeroed });
        disk.kick();
        disk.handle().crash().handle().paths()
    };
    let outcomes: BTreeSet<_> = (0..50).map(outcome).collect();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
}

#[test]
fn nothing_completes_on_a_disk_that_lost_power() {
    let mut disk = SimDisk::new(3);
    let file = create(&mut disk, "log");
    disk.submit(Token(2), write(file, 1, true));
    disk.kick();
    let after = disk.handle().crash();
    disk.submit(Token(3), write(file, 1, true));
    let mut out = Vec::new();
    disk.wait();
    disk.reap(&mut out);
    assert!(out.is_empty());
    assert_eq!(after.handle().in_flight(), 0);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let mut disk = SimDisk::new(seed);
        let file = create(&mut disk, "log");
        (0..40).for_each(|n| disk.submit(Token(n), write(file, 1, n % 2 == 0)));
        disk.kick();
        let mut out = Vec::new();
        (0..3).for_each(|_| disk.reap(&mut out));
        let order: Vec<_> = out.iter().map(|completion| completion.token.0).collect();
        (order, disk.handle().crash().handle().contents("log"))
    };
    assert_eq!(trace(42), trace(42));
    assert_ne!(trace(42), trace(43));
}
