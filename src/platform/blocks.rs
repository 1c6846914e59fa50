//! A file's blocks: setting them aside, writing them with zeros, and whether they can be written directly.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::aligned::{AlignedBuf, BLOCK};

/// Bytes of zeros written at a time.
const ZERO_CHUNK_BYTES: usize = 1 << 20;

/// Sets blocks aside and the size with them; false where the file system cannot.
pub(super) fn reserve(fd: &OwnedFd, bytes: u64) -> io::Result<bool> {
    match rustix::io::retry_on_intr(|| rustix::fs::fallocate(fd, FallocateFlags::empty(), 0, bytes)) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes zeros over the whole file: reserved blocks read as zeros too, but the first write to one of them
/// changes metadata, which a durable write then has to wait for (twice the time; `benches/append.rs`).
pub(super) fn write_zeros(fd: &OwnedFd, bytes: u64) -> io::Result<()> {
    let zeros = AlignedBuf::zeroed(ZERO_CHUNK_BYTES);
    let mut at = 0;
    while at < bytes {
        let length = usize::try_from(bytes - at).map_or(ZERO_CHUNK_BYTES, |rest| rest.min(ZERO_CHUNK_BYTES));
        let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(fd, &zeros.as_slice()[..length], at))?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at += written as u64;
    }
    Ok(())
}

/// Whether files in `dir` can bypass the page cache. Tries it for real, on a scratch file `probe`: some file
/// systems accept the flag and refuse the write.
pub(super) fn takes_direct_io(dir: &OwnedFd, probe: &str) -> bool {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::DIRECT;
    let Ok(fd) = rustix::fs::openat(dir, probe, flags, Mode::RUSR | Mode::WUSR) else { return false };
    let written = rustix::io::pwrite(&fd, AlignedBuf::zeroed(BLOCK).as_slice(), 0);
    let _ = rustix::fs::unlinkat(dir, probe, AtFlags::empty()); // Else the next start removes it.
    written == Ok(BLOCK) && block_is_aligned_enough(&fd)
}

/// Where the kernel tells what direct I/O needs (since 6.1), it must not be more than our block.
fn block_is_aligned_enough(fd: &OwnedFd) -> bool {
    let Ok(stat) = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) else { return true };
    let told = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::DIOALIGN);
    let fits = |alignment: u32| (1..=BLOCK).contains(&(alignment as usize));
    !told || (fits(stat.stx_dio_mem_align) && fits(stat.stx_dio_offset_align))
}
