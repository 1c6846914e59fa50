//! Copies of a running server's directory: file by file, and by a snapshot of its file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::server::{Options, Server};
use crate::support::{copy_directory, say, tools, wait_for};

/// Records before, for a segment to be begun.
const BEFORE: usize = 4;
/// More than the journal's ring holds: what is in it at the end was not there at the beginning.
const BETWEEN: usize = 160;
const MIB: usize = 1 << 20;
/// Records acknowledged before the snapshot, at least.
const RECORDS_BEFORE: usize = 200;
/// Of the file system that is made in a file; nothing smaller is made.
const VOLUME_BYTES: u64 = 512 << 20;

fn scratch() -> TempDir {
    TempDir::with_prefix_in("copies-", env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

fn check(dir: &Path) -> (bool, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_fanlight")).arg("check").arg(dir).output().expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn serving(data_dir: Option<PathBuf>) -> (Server, Kinesis) {
    let server = Server::start(Options { limits: "off", data_dir, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    kinesis.wait_active("orders");
    (server, kinesis)
}

#[test]
fn is_a_copy_made_file_by_file_told_from_a_sound_one() {
    let (server, kinesis) = serving(None);
    let copy = scratch();
    (0..BEFORE).for_each(|_| drop(kinesis.put("orders", "0", &vec![7; MIB - 16])));
    wait_for("a segment", || server.data_dir().join("segments").is_dir().then_some(()));
    copy_directory(&server.data_dir(), copy.path());
    copy_directory(&server.data_dir().join("segments"), &copy.path().join("segments"));
    (0..BETWEEN).for_each(|_| drop(kinesis.put("orders", "0", &vec![7; MIB - 16])));
    copy_directory(&server.data_dir().join("journal"), &copy.path().join("journal"));
    let (is_sound, told) = check(copy.path());
    assert!(!is_sound && told.contains("does not follow"), "{told}");
}

/// A program of btrfs: the package is unpacked, not installed, and distributions differ in where it puts
/// them.
fn btrfs_program(name: &str) -> PathBuf {
    let package = tools::debian("btrfs", "btrfs-progs", "btrfs");
    let root = package.ancestors().nth(3).expect("below usr/bin of the package");
    let mut places =
        ["bin", "sbin", "usr/bin", "usr/sbin"].map(|place| root.join(place).join(name)).into_iter();
    places.find(|program| program.exists()).unwrap_or_else(|| panic!("no {name} in {}", root.display()))
}

/// A file system that takes snapshots, in a file; unmounted when dropped.
struct Volume {
    mount: PathBuf,
    _scratch: TempDir,
}

impl Volume {
    /// None, with the reason said, where this machine makes or mounts none.
    fn make() -> Option<Volume> {
        let scratch = scratch();
        let (image, mount) = (scratch.path().join("image"), scratch.path().join("mount"));
        fs::create_dir(&mount).expect("a directory");
        fs::File::create(&image).and_then(|it| it.set_len(VOLUME_BYTES)).expect("an image");
        let made = Command::new(btrfs_program("mkfs.btrfs")).arg("--quiet").arg(&image).output();
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mount).output();
        if made.is_ok_and(|it| it.status.success()) && mounted.is_ok_and(|it| it.status.success()) {
            return Some(Volume { mount, _scratch: scratch });
        }
        say("\n*** NOT RUN: a snapshot of a running server: no btrfs can be mounted here ***");
        None
    }

    fn btrfs(&self, words: &[&str], paths: &[&Path]) {
        let output =
            Command::new(btrfs_program("btrfs")).args(words).args(paths).output().expect("btrfs runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily: what a failed test leaves open goes with its process.
        let _ = Command::new("umount").arg("--lazy").arg(&self.mount).status();
    }
}

#[test]
fn does_a_snapshot_hold_what_was_acknowledged_before() {
    if !tools::toolchain("a snapshot of a running server", "apt-get", "--version") {
        return;
    }
    let Some(volume) = Volume::make() else { return };
    let (data, snapshot) = (volume.mount.join("data"), volume.mount.join("snapshot"));
    volume.btrfs(&["subvolume", "create"], &[&data]);
    let (mut server, kinesis) = serving(Some(data.join("fanlight")));
    let (acknowledged, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let before = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let number = kinesis.put("orders", "0", b"an order");
                acknowledged.lock().expect("nobody panics").push(number);
            }
        });
        wait_for("records", || {
            (acknowledged.lock().expect("nobody panics").len() > RECORDS_BEFORE).then_some(())
        });
        let before = acknowledged.lock().expect("nobody panics").clone();
        volume.btrfs(&["subvolume", "snapshot"], &[&data, &snapshot]);
        stop.store(true, Ordering::Relaxed);
        before
    });
    let (is_sound, told) = check(&snapshot.join("fanlight"));
    assert!(is_sound, "{told}");
    server.restart_with(|options| options.data_dir = Some(snapshot.join("fanlight")));
    let served: Vec<_> = kinesis.read_shard("orders", &shard_id(0)).into_iter().map(|it| it.number).collect();
    assert_eq!(served[..before.len()], before);
}
