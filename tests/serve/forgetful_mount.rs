//! A forgetful volume as a mounted file system: answers the kernel's questions, and keeps its caches out of
//! the way, so that the volume alone decides what a power cut leaves.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use rustix::fs::OFlags;
use tempfile::TempDir;

use crate::forgetful::{Dir, File, Node, Volume};

/// Nothing is remembered by the kernel.
const AT_ONCE: Duration = Duration::ZERO;
/// Blocks the volume says it has.
const BLOCKS: u64 = 1 << 24;

/// A mounted volume; unmounted when dropped.
pub(crate) struct Mounted {
    volume: Arc<Mutex<Volume>>,
    session: Option<BackgroundSession>,
    at: TempDir,
}

impl Mounted {
    /// Mounts an empty volume; the error says why that cannot be done here.
    pub(crate) fn new(seed: u64) -> std::io::Result<Mounted> {
        let at = TempDir::with_prefix_in("forgetful-", env!("CARGO_TARGET_TMPDIR"))?;
        let volume = Arc::new(Mutex::new(Volume::new(seed)));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("forgetful".to_owned())];
        let session = fuser::spawn_mount(Served(Arc::clone(&volume)), at.path(), &config)?;
        Ok(Mounted { volume, session: Some(session), at })
    }

    pub(crate) fn path(&self) -> &Path {
        self.at.path()
    }

    pub(crate) fn volume(&self) -> MutexGuard<'_, Volume> {
        self.volume.lock().expect("no holder panics")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // A failed test leaves the mount to the system.
            let _ = session.umount_and_join();
        }
    }
}

struct Served(Arc<Mutex<Volume>>);

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_i32(errno.raw_os_error())
}

impl Served {
    fn volume(&self) -> MutexGuard<'_, Volume> {
        self.0.lock().expect("no holder panics")
    }

    /// Refuses what a process of an earlier life of the machine still asks.
    fn of_this_life(&self, handle: FileHandle) -> Result<MutexGuard<'_, Volume>, rustix::io::Errno> {
        let volume = self.volume();
        if handle.0 == volume.boot { Ok(volume) } else { Err(rustix::io::Errno::IO) }
    }
}

fn attributes(id: u64, node: &Node) -> FileAttr {
    let (size, kind, perm) = match node {
        Node::File(file) => (file.data.len() as u64, FileType::RegularFile, 0o600),
        Node::Dir(_) => (0, FileType::Directory, 0o700),
    };
    FileAttr {
        ino: INodeNo(id),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn entry(volume: &Volume, id: Result<u64, rustix::io::Errno>, reply: ReplyEntry) {
    match id.and_then(|id| Ok(attributes(id, volume.node(id)?))) {
        Ok(attributes) => reply.entry(&AT_ONCE, &attributes, Generation(0)),
        Err(error) => reply.error(errno(error)),
    }
}

fn done(result: Result<(), rustix::io::Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let volume = self.volume();
        entry(&volume, volume.lookup(parent.0, name), reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.volume().node(ino.0) {
            Ok(node) => reply.attr(&AT_ONCE, &attributes(ino.0, node)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size
            && let Err(error) = self.volume().resize(ino.0, length(size))
        {
            return reply.error(errno(error));
        }
        self.getattr(request, ino, handle, reply);
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let mut volume = self.volume();
        let made = volume.make(parent.0, name, Node::Dir(Dir::default()));
        entry(&volume, made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.volume().unlink(parent.0, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        done(self.volume().rename((parent.0, name), (newparent.0, newname)), reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(self.volume().boot), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut volume = self.volume();
        let made = volume.make(parent.0, name, Node::File(File::default()));
        let handle = FileHandle(volume.boot);
        match made.and_then(|id| Ok(attributes(id, volume.node(id)?))) {
            Ok(attributes) => {
                reply.created(&AT_ONCE, &attributes, Generation(0), handle, FopenFlags::FOPEN_DIRECT_IO);
            }
            Err(error) => reply.error(errno(error)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.volume().file(ino.0) {
            Ok(file) => {
                let begin = length(offset).min(file.data.len());
                let end = (begin + size as usize).min(file.data.len());
                reply.data(&file.data[begin..end]);
            }
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let durable = flags.0.cast_unsigned() & OFlags::DSYNC.bits() != 0;
        let volume = self.of_this_life(handle);
        match volume.and_then(|mut volume| volume.write(ino.0, length(offset), data, durable)) {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("the kernel asks for less")),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.of_this_life(handle).and_then(|mut volume| volume.sync(ino.0)), reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let volume = self.volume();
        let entries = match volume.dir(ino.0) {
            Ok(dir) => &dir.entries,
            Err(error) => return reply.error(errno(error)),
        };
        for (place, (name, &id)) in entries.iter().enumerate().skip(length(offset)) {
            let kind = match volume.node(id) {
                Ok(Node::Dir(_)) => FileType::Directory,
                _ => FileType::RegularFile,
            };
            if reply.add(INodeNo(id), place as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.volume().sync_dir(ino.0), reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS / 2, BLOCKS / 2, BLOCKS, BLOCKS, 4096, 255, 4096);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        length_wanted: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let grow = |mut volume: MutexGuard<'_, Volume>| {
            let len = volume.file(ino.0)?.data.len().max(length(offset + length_wanted));
            volume.resize(ino.0, len)
        };
        done(self.of_this_life(handle).and_then(grow), reply);
    }
}

fn length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a file of the volume fits in memory")
}
