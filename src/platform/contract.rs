//! The contract every [`Disk`] keeps, run on the ring, on threads and on the simulation with the same cases.

use std::io::ErrorKind;
use std::time::Duration;

use super::sim::SimDisk;
use super::*;

const BLOCK_U64: u64 = BLOCK as u64;

/// A disk under test, with the directory it lives in where it lives in one.
struct Subject {
    disk: Box<dyn Disk>,
    _dir: Option<tempfile::TempDir>,
    next: u64,
}

impl Subject {
    fn real(backend: Backend) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let disk = open(&dir.path().join("data"), backend).expect("the host has this backend");
        Self { disk, _dir: Some(dir), next: 0 }
    }

    fn simulated(seed: u64) -> Self {
        Self { disk: Box::new(SimDisk::new(seed)), _dir: None, next: 0 }
    }

    fn submit(&mut self, op: Op) -> Token {
        self.next += 1;
        self.disk.submit(Token(self.next), op);
        Token(self.next)
    }

    /// Completes everything in flight.
    fn finish(&mut self, count: usize) -> Vec<Completion> {
        let mut out = Vec::new();
        self.disk.kick();
        while out.len() < count {
            self.disk.wait();
            self.disk.reap(&mut out);
        }
        assert_eq!(out.len(), count);
        out
    }

    fn run(&mut self, op: Op) -> std::io::Result<Outcome> {
        let token = self.submit(op);
        let completion = self.finish(1).remove(0);
        assert_eq!(completion.token, token);
        completion.result
    }

    fn create(&mut self, path: &str, blocks: u64, preallocation: Preallocation) -> FileId {
        match self.run(create(path, blocks, preallocation)) {
            Ok(Outcome::Created(file)) => file,
            other => panic!("creating {path}: {other:?}"),
        }
    }

    fn write(&mut self, file: FileId, block: u64, buf: AlignedBuf, durable: bool) -> AlignedBuf {
        buffer(self.run(Op::Write { file, at: block * BLOCK_U64, buf, durable }))
    }

    fn read(&mut self, file: FileId, block: u64, blocks: usize) -> std::io::Result<Outcome> {
        self.run(Op::Read { file, at: block * BLOCK_U64, buf: AlignedBuf::zeroed(blocks * BLOCK) })
    }

    fn fails(&mut self, op: Op) -> ErrorKind {
        self.run(op).expect_err("the operation is refused").kind()
    }
}

fn create(path: &str, blocks: u64, preallocation: Preallocation) -> Op {
    Op::Create { path: path.to_owned(), bytes: blocks * BLOCK_U64, preallocation }
}

fn remove(path: &str) -> Op {
    Op::Remove { path: path.to_owned() }
}

fn buffer(result: std::io::Result<Outcome>) -> AlignedBuf {
    match result {
        Ok(Outcome::Buf(buf)) => buf,
        other => panic!("no buffer but {other:?}"),
    }
}

fn filled(blocks: usize, byte: u8) -> AlignedBuf {
    let mut buf = AlignedBuf::zeroed(blocks * BLOCK);
    buf.as_mut_slice().fill(byte);
    buf
}

fn all_are(buf: &AlignedBuf, byte: u8) -> bool {
    buf.as_slice().iter().all(|b| *b == byte)
}

const ZEROED: Preallocation = Preallocation::Zeroed;

fn created_files_have_their_size_and_read_as_zeros(disk: &mut Subject) {
    for (path, how) in [("zeroed", ZEROED), ("reserved", Preallocation::Reserved)] {
        let file = disk.create(path, 3, how);
        assert!(all_are(&buffer(disk.read(file, 0, 3)), 0));
    }
    // Larger than the chunk zeros are written in, and no multiple of it.
    disk.create("large", 300, ZEROED);
    let sizes: Vec<_> =
        disk.disk.list("").unwrap().into_iter().map(|entry| (entry.name, entry.bytes)).collect();
    let expected = [("large", 300), ("reserved", 3), ("zeroed", 3)];
    assert_eq!(sizes, expected.map(|(name, blocks)| (name.to_owned(), blocks * BLOCK_U64)));
}

fn what_is_written_is_read_back(disk: &mut Subject) {
    let file = disk.create("log", 8, ZEROED);
    assert!(all_are(&disk.write(file, 1, filled(2, 7), true), 7));
    assert!(all_are(&disk.write(file, 3, filled(1, 9), false), 9));
    assert!(matches!(disk.run(Op::Sync { file }), Ok(Outcome::Done)));
    let all = buffer(disk.read(file, 0, 8));
    let firsts: Vec<_> = all.as_slice().chunks(BLOCK).map(|block| block[0]).collect();
    assert_eq!(firsts, [0, 7, 7, 9, 0, 0, 0, 0]);
}

fn reading_or_writing_beyond_the_end_fails(disk: &mut Subject) {
    let file = disk.create("short", 2, ZEROED);
    assert_eq!(disk.read(file, 1, 2).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(disk.read(file, 2, 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let write = Op::Write { file, at: BLOCK_U64, buf: filled(2, 1), durable: true };
    assert_eq!(disk.fails(write), ErrorKind::InvalidInput);
    assert!(all_are(&buffer(disk.read(file, 0, 2)), 0));
}

fn what_is_not_aligned_is_refused(disk: &mut Subject) {
    let file = disk.create("aligned", 2, ZEROED);
    let write = Op::Write { file, at: 512, buf: filled(1, 1), durable: true };
    assert_eq!(disk.fails(write), ErrorKind::InvalidInput);
    assert_eq!(disk.fails(Op::Read { file, at: 0, buf: AlignedBuf::zeroed(100) }), ErrorKind::InvalidInput);
    let odd = Op::Create { path: "odd".to_owned(), bytes: 1000, preallocation: ZEROED };
    assert_eq!(disk.fails(odd), ErrorKind::InvalidInput);
}

fn listings_are_sorted_and_a_missing_directory_is_empty(disk: &mut Subject) {
    for path in ["shards/b", "shards/a", "shards/deep/er/c", "top"] {
        disk.create(path, 1, ZEROED);
    }
    let entry =
        |name: &str, is_dir, blocks| Entry { name: name.to_owned(), is_dir, bytes: blocks * BLOCK_U64 };
    assert_eq!(disk.disk.list("").unwrap(), [entry("shards", true, 0), entry("top", false, 1)]);
    let expected = [entry("a", false, 1), entry("b", false, 1), entry("deep", true, 0)];
    assert_eq!(disk.disk.list("shards").unwrap(), expected);
    assert_eq!(disk.disk.list("shards/deep/er").unwrap(), [entry("c", false, 1)]);
    assert!(disk.disk.list("nowhere").unwrap().is_empty());
}

fn creating_twice_fails_and_keeps_the_first(disk: &mut Subject) {
    let file = disk.create("once", 1, ZEROED);
    disk.write(file, 0, filled(1, 5), true);
    assert_eq!(disk.fails(create("once", 4, ZEROED)), ErrorKind::AlreadyExists);
    assert!(all_are(&buffer(disk.read(file, 0, 1)), 5));
    assert_eq!(disk.disk.open("once").unwrap().1, BLOCK_U64);
}

fn removing_works_once_and_does_no_harm_twice(disk: &mut Subject) {
    let file = disk.create("dir/gone", 1, ZEROED);
    disk.disk.close(file);
    for _ in 0..2 {
        assert!(matches!(disk.run(remove("dir/gone")), Ok(Outcome::Done)));
        assert!(disk.disk.list("dir").unwrap().is_empty());
    }
    assert!(matches!(disk.run(remove("never/was")), Ok(Outcome::Done)));
    assert_eq!(disk.disk.open("dir/gone").unwrap_err().kind(), ErrorKind::NotFound);
    disk.create("dir/gone", 2, ZEROED);
}

fn a_closed_file_is_reopened_with_its_bytes(disk: &mut Subject) {
    let file = disk.create("log", 4, ZEROED);
    disk.write(file, 2, filled(1, 3), true);
    disk.disk.close(file);
    let write = Op::Write { file, at: 0, buf: filled(1, 1), durable: true };
    assert_eq!(disk.fails(write), ErrorKind::InvalidInput);
    let (again, bytes) = disk.disk.open("log").unwrap();
    assert_ne!(again, file);
    assert_eq!(bytes, 4 * BLOCK_U64);
    assert!(all_are(&buffer(disk.read(again, 2, 1)), 3));
}

fn closing_does_not_cut_off_what_is_in_flight(disk: &mut Subject) {
    let file = disk.create("log", 64, ZEROED);
    for block in 0..64 {
        disk.submit(Op::Write { file, at: block * BLOCK_U64, buf: filled(1, 8), durable: true });
    }
    disk.disk.close(file);
    assert!(disk.finish(64).into_iter().all(|done| all_are(&buffer(done.result), 8)));
    let (file, _) = disk.disk.open("log").unwrap();
    assert!(all_are(&buffer(disk.read(file, 0, 64)), 8));
}

/// More than the ring has slots, so that some wait behind others.
fn many_in_flight_all_complete_with_their_own_buffer(disk: &mut Subject) {
    const COUNT: u64 = 700;
    let file = disk.create("log", COUNT, ZEROED);
    let byte = |block: u64| u8::try_from(block % 251).unwrap();
    let tokens: Vec<_> = (0..COUNT)
        .map(|block| {
            let buf = filled(1, byte(block));
            disk.submit(Op::Write { file, at: block * BLOCK_U64, buf, durable: block % 50 == 0 })
        })
        .collect();
    let mut done = disk.finish(tokens.len());
    done.sort_by_key(|completion| completion.token);
    for (block, completion) in (0..).zip(done) {
        assert_eq!(completion.token, tokens[usize::try_from(block).unwrap()]);
        assert!(all_are(&buffer(completion.result), byte(block)));
    }
    let all = buffer(disk.read(file, 0, 700));
    assert!((0..).zip(all.as_slice().chunks(BLOCK)).all(|(block, bytes)| bytes[0] == byte(block)));
}

fn paths_outside_the_directory_are_refused(disk: &mut Subject) {
    for path in ["", "/etc/passwd", "../up", "a/../../b", "a//b", "./a", "LOCK"] {
        assert_eq!(disk.fails(create(path, 1, ZEROED)), ErrorKind::InvalidInput, "{path:?}");
        assert_eq!(disk.fails(remove(path)), ErrorKind::InvalidInput, "{path:?}");
        assert_eq!(disk.disk.open(path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path:?}");
    }
}

fn waiting_with_nothing_in_flight_returns_at_once(disk: &mut Subject) {
    let mut out = Vec::new();
    disk.disk.wait();
    disk.disk.reap(&mut out);
    assert!(out.is_empty());
}

/// As the server waits: nothing but the descriptor tells when to reap.
fn readiness_tells_of_every_completion(disk: &mut Subject) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = disk.create("log", 4, ZEROED);
    runtime.block_on(async {
        let Some(readiness) = Readiness::of(&*disk.disk).unwrap() else { return };
        let ops: [fn(FileId, u64) -> Op; 5] = [
            |file, _| Op::Write { file, at: 0, buf: filled(1, 1), durable: true },
            |file, _| Op::Read { file, at: 0, buf: filled(4, 0) },
            |_, round| create(&format!("file-{round}"), 1, ZEROED),
            |_, round| remove(&format!("file-{round}")),
            |file, _| Op::Read { file, at: 4 * BLOCK_U64, buf: filled(1, 0) }, // Refused at submission.
        ];
        for round in 0..20 {
            for op in ops {
                disk.submit(op(file, round));
                disk.disk.kick();
                let mut out = Vec::new();
                while out.is_empty() {
                    let ready = tokio::time::timeout(Duration::from_secs(10), readiness.wait()).await;
                    ready.expect("the descriptor polls readable").unwrap();
                    disk.disk.reap(&mut out);
                }
                assert_eq!(out.len(), 1);
            }
        }
    });
}

const CASES: [fn(&mut Subject); 13] = [
    created_files_have_their_size_and_read_as_zeros,
    what_is_written_is_read_back,
    reading_or_writing_beyond_the_end_fails,
    what_is_not_aligned_is_refused,
    listings_are_sorted_and_a_missing_directory_is_empty,
    creating_twice_fails_and_keeps_the_first,
    removing_works_once_and_does_no_harm_twice,
    a_closed_file_is_reopened_with_its_bytes,
    closing_does_not_cut_off_what_is_in_flight,
    many_in_flight_all_complete_with_their_own_buffer,
    paths_outside_the_directory_are_refused,
    waiting_with_nothing_in_flight_returns_at_once,
    readiness_tells_of_every_completion,
];

#[test]
fn threads_keep_the_contract() {
    CASES.iter().for_each(|case| case(&mut Subject::real(Backend::Threads)));
}

/// Where the host forbids rings this repeats the case above, and the fall-back is what it tests.
#[test]
fn the_ring_keeps_the_contract() {
    CASES.iter().for_each(|case| case(&mut Subject::real(Backend::Auto)));
}

#[test]
fn the_simulation_keeps_the_contract() {
    for seed in 0..20 {
        CASES.iter().for_each(|case| case(&mut Subject::simulated(seed)));
    }
}
