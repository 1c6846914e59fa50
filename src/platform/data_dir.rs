//! The data directory: locked for one process, its files created whole or not at all, its entries durable.
//! Everything here blocks; the disks call it at start or from a helper thread.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::seeded::{self, Bug};

use super::blocks::{reserve, takes_direct_io, write_zeros};
use super::disk::{Entry, Preallocation};

/// Held locked while a process uses the directory. Not part of what `list` shows.
const LOCK_FILE: &str = "LOCK";
/// Ending of a file not yet whole: created under this name, renamed when its blocks are durable. Those a
/// crash left behind are removed at the next start and never listed.
const UNFINISHED: &str = ".creating";
/// The file direct I/O is tried on, named so that a crash cannot leave it for good.
const PROBE_FILE: &str = "direct-io-probe.creating";
/// Directories below the data directory that are looked through for unfinished files.
const DEPTH_MAX: usize = 8;

const DIR_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open file of fixed size.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) fd: OwnedFd,
    pub(super) bytes: u64,
}

#[cfg(test)]
impl OpenFile {
    /// A stand-in for tests that move no bytes.
    pub(super) fn null() -> Self {
        let fd = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).expect("a descriptor");
        Self { fd, bytes: 0 }
    }
}

#[derive(Debug)]
pub(super) struct DataDir {
    root: OwnedFd,
    /// The lock goes with its descriptor.
    _lock: OwnedFd,
    direct: bool,
    writable: bool,
}

impl DataDir {
    /// Creates the directory if need be (durably), locks it, and finds out whether it takes direct I/O.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        create_dirs(path)?;
        let root = open_dir(CWD, path)?;
        let lock = lock(&root, path)?;
        remove_unfinished(&root, 0)?;
        let direct = takes_direct_io(&root, PROBE_FILE);
        Ok(Self { root, _lock: lock, direct, writable: true })
    }

    /// Opens what is there to look at, and changes nothing. Others may look too, but no server can run.
    pub(super) fn open_read_only(path: &Path) -> io::Result<Self> {
        let root = open_dir(CWD, path)?;
        let lock = lock_shared(&root, path)?;
        Ok(Self { root, _lock: lock, direct: true, writable: false })
    }

    /// Whether files bypass the page cache.
    pub(super) fn is_direct(&self) -> bool {
        self.direct
    }

    /// See [`super::Disk::list`]. A process may have ended between a rename and the sync of the directory:
    /// who builds on a file found here must not lose its name, and all in it, to a power cut.
    pub(super) fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let dir = match path {
            "" => open_dir(&self.root, Path::new(".")),
            _ => check(path).and_then(|()| open_dir(&self.root, Path::new(path))),
        };
        let dir = match dir {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            dir => dir?,
        };
        rustix::fs::fsync(&dir)?;
        let mut entries = entries(&dir)?;
        entries.retain(|entry| !entry.name.ends_with(UNFINISHED));
        entries.retain(|entry| !path.is_empty() || entry.name != LOCK_FILE);
        entries.sort();
        Ok(entries)
    }

    /// See [`super::Disk::open`].
    pub(super) fn open_file(&self, path: &str) -> io::Result<OpenFile> {
        check(path)?;
        let fd = match rustix::fs::openat(&self.root, path, self.flags(), Mode::empty()) {
            // Direct I/O was not tried before: that takes a file to write to.
            Err(Errno::INVAL) if !self.writable => {
                rustix::fs::openat(&self.root, path, self.flags() - OFlags::DIRECT, Mode::empty())
            }
            fd => fd,
        }?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let bytes = u64::try_from(stat.st_size).map_err(io::Error::other)?;
        Ok(OpenFile { fd, bytes })
    }

    /// See [`super::Op::Create`]. Whoever sees the file under its name sees all of it, so recovery never
    /// meets a half-zeroed one. The check and the rename are one step to everybody: only the process that
    /// holds the lock creates files, and it does so from one thread.
    pub(super) fn create(
        &self,
        path: &str,
        bytes: u64,
        preallocation: Preallocation,
    ) -> io::Result<OpenFile> {
        self.check_writable(path)?;
        let parent = self.ensure_parents(path)?;
        if rustix::fs::statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let unfinished = format!("{path}{UNFINISHED}");
        let created = self.create_unfinished(&unfinished, bytes, preallocation).and_then(|file| {
            rustix::fs::renameat(&self.root, &unfinished, &self.root, path)?;
            Ok(file)
        });
        if created.is_err() {
            // A full disk needs its blocks back now; what cannot be removed goes at the next start.
            let _ = rustix::fs::unlinkat(&self.root, &unfinished, AtFlags::empty());
        }
        let file = created?;
        if !seeded::is(Bug::DirectoryNotSynced) {
            rustix::fs::fsync(&parent)?;
        }
        Ok(file)
    }

    fn create_unfinished(
        &self,
        path: &str,
        bytes: u64,
        preallocation: Preallocation,
    ) -> io::Result<OpenFile> {
        let flags = self.flags() | OFlags::CREATE | OFlags::TRUNC;
        let fd = rustix::fs::openat(&self.root, path, flags, FILE_MODE)?;
        let reserved = reserve(&fd, bytes)?;
        if !reserved || preallocation == Preallocation::Zeroed {
            write_zeros(&fd, bytes)?;
        }
        rustix::fs::fsync(&fd)?;
        Ok(OpenFile { fd, bytes })
    }

    /// See [`super::Op::Remove`].
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        self.check_writable(path)?;
        match rustix::fs::unlinkat(&self.root, path, AtFlags::empty()) {
            // Not there: perhaps an earlier attempt got as far as the unlink but not the sync.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        match open_dir(&self.root, parent_of(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            parent => Ok(rustix::fs::fsync(parent?)?),
        }
    }

    /// Creates the directories above `path`, each entry durable, and gives the lowest. Directories that are
    /// there already are synced too: an attempt that failed half-way may have left them in memory only.
    fn ensure_parents(&self, path: &str) -> io::Result<OwnedFd> {
        let mut dir = open_dir(&self.root, Path::new("."))?;
        for name in parent_of(path).components().filter(|part| *part != Component::CurDir) {
            dir = ensure_dir(&dir, name.as_os_str().as_ref())?;
        }
        Ok(dir)
    }

    fn check_writable(&self, path: &str) -> io::Result<()> {
        if self.writable { check(path) } else { Err(Errno::ROFS.into()) }
    }

    fn flags(&self) -> OFlags {
        let access = if self.writable { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        if self.direct { flags | OFlags::DIRECT } else { flags }
    }
}

/// Paths come from our own code, but a slip must not reach outside the directory.
pub(super) fn check(path: &str) -> io::Result<()> {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if path.split('/').all(plain) && !path.ends_with(UNFINISHED) && path != LOCK_FILE {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("not a path inside the data directory: {path:?}"),
    ))
}

fn parent_of(path: &str) -> &Path {
    Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn open_dir(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, path, flags, Mode::empty())?)
}

/// Makes `name` in `dir` if need be, its entry durable, and opens it.
fn ensure_dir(dir: &OwnedFd, name: &Path) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(dir, name, DIR_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    rustix::fs::fsync(dir)?;
    open_dir(dir, name)
}

/// Creates the data directory and what is missing above it. A power cut must not take the directory away
/// with acknowledged records in it, so each new entry is synced; directories found are left alone.
fn create_dirs(path: &Path) -> io::Result<()> {
    let mut above = PathBuf::from(".");
    for part in path.components() {
        let here = if part == Component::RootDir { PathBuf::from("/") } else { above.join(part) };
        if !here.is_dir() {
            ensure_dir(&open_dir(CWD, &above)?, part.as_os_str().as_ref())?;
        }
        above = here;
    }
    Ok(())
}

fn lock(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = rustix::fs::openat(root, LOCK_FILE, flags, FILE_MODE)?;
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(fd),
        Err(Errno::WOULDBLOCK) => Err(in_use(path)),
        Err(errno) => Err(errno.into()),
    }
}

/// Keeps servers out without a byte written: the lock file must be there already.
fn lock_shared(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = rustix::fs::openat(root, LOCK_FILE, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => io::Error::new(io::ErrorKind::NotFound, "it holds no LOCK file: no data directory"),
        errno => errno.into(),
    })?;
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(fd),
        Err(Errno::WOULDBLOCK) => Err(in_use(path)),
        Err(errno) => Err(errno.into()),
    }
}

fn in_use(path: &Path) -> io::Error {
    let text = format!("the data directory {} is in use by another process", path.display());
    io::Error::new(io::ErrorKind::ResourceBusy, text)
}

fn entries(dir: &OwnedFd) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue, // Removed since.
            stat => stat?,
        };
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let bytes = if is_dir { 0 } else { u64::try_from(stat.st_size).map_err(io::Error::other)? };
        entries.push(Entry { name: name.to_string_lossy().into_owned(), is_dir, bytes });
    }
    Ok(entries)
}

fn remove_unfinished(dir: &OwnedFd, depth: usize) -> io::Result<()> {
    for entry in entries(dir)? {
        if entry.is_dir && depth < DEPTH_MAX {
            remove_unfinished(&open_dir(dir, Path::new(&entry.name))?, depth + 1)?;
        } else if entry.name.ends_with(UNFINISHED) {
            rustix::fs::unlinkat(dir, &entry.name, AtFlags::empty())?;
        }
    }
    Ok(())
}
