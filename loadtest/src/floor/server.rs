//! The bare server, in a process of its own: reads records off one socket, makes what has come durable with
//! one write, sends it to everyone, acknowledges it. What comes in during a write leaves with the next.

use std::fs::OpenOptions;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::ReadWriteFlags;

use super::{layout, message_bytes};
use crate::cli::Cli;
use crate::units::{count, index};

/// Bytes read at most before they are committed.
const READ_BYTES: usize = 1 << 20;
const BLOCK_BYTES: usize = 4096;
/// The file is written over in turn; it is filled first, as the server's journal is.
const FILE_BLOCKS: u64 = 16 << 10;
/// Blocks of one system call.
const BLOCKS_PER_WRITE: usize = 512;

/// Serves one publisher and the subscribers that the flags describe, until the publisher leaves. The first
/// line of standard output is the port.
pub(crate) fn serve(cli: &Cli, dir: &Path) -> io::Result<()> {
    let mut log = Log::create(&dir.join("floor"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let mut publisher = accept(&listener)?;
    let (connections, streams) = layout(cli);
    let subscribers = (0..connections).map(|_| accept(&listener)).collect::<io::Result<Vec<_>>>()?;
    // Everyone is there.
    publisher.write_all(&[0])?;
    let mut fan_out = FanOut { subscribers, streams, filler: Vec::new(), out: Vec::new() };
    let record_bytes = index(cli.record_size);
    fan_out.filler.resize(message_bytes(record_bytes) - record_bytes, 0);
    let mut buffer = vec![0; READ_BYTES.max(2 * record_bytes)];
    let mut held = 0;
    loop {
        match publisher.read(&mut buffer[held..])? {
            0 => return Ok(()),
            read => held += read,
        }
        let whole = held / record_bytes * record_bytes;
        if whole > 0 {
            log.append(&buffer[..whole])?;
            fan_out.send(buffer[..whole].chunks(record_bytes))?;
            publisher.write_all(&vec![0; whole / record_bytes])?;
            buffer.copy_within(whole..held, 0);
            held -= whole;
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

struct FanOut {
    subscribers: Vec<TcpStream>,
    /// Subscriptions of each connection.
    streams: u32,
    filler: Vec<u8>,
    out: Vec<u8>,
}

impl FanOut {
    /// One write to each connection, with a message for each of its subscriptions and each record.
    fn send<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        self.out.clear();
        for record in records {
            for _ in 0..self.streams {
                self.out.extend_from_slice(record);
                self.out.extend_from_slice(&self.filler);
            }
        }
        self.subscribers.iter_mut().try_for_each(|subscriber| subscriber.write_all(&self.out))
    }
}

#[derive(Clone)]
#[repr(align(4096))]
struct Block([u8; BLOCK_BYTES]);

/// A file written past the page cache where the file system can.
struct Log {
    file: std::fs::File,
    blocks: Vec<Block>,
    at: u64,
}

impl Log {
    fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        let direct = i32::try_from(OFlags::DIRECT.bits()).map_err(io::Error::other)?;
        let file = options.clone().custom_flags(direct).open(path).or_else(|_| options.open(path))?;
        let mut log = Self { file, blocks: Vec::new(), at: 0 };
        let zeros = vec![0; READ_BYTES];
        while log.at + count(READ_BYTES / BLOCK_BYTES) <= FILE_BLOCKS {
            log.append(&zeros)?;
        }
        log.file.sync_all()?;
        Ok(log)
    }

    /// Durable when it returns.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.blocks.clear();
        self.blocks.extend(bytes.chunks(BLOCK_BYTES).map(|chunk| {
            let mut block = Block([0; BLOCK_BYTES]);
            block.0[..chunk.len()].copy_from_slice(chunk);
            block
        }));
        for blocks in self.blocks.chunks(BLOCKS_PER_WRITE) {
            if self.at + count(blocks.len()) > FILE_BLOCKS {
                self.at = 0;
            }
            let slices: Vec<_> = blocks.iter().map(|block| IoSlice::new(&block.0)).collect();
            let at = self.at * count(BLOCK_BYTES);
            let written = rustix::io::pwritev2(&self.file, &slices, at, ReadWriteFlags::DSYNC)?;
            if written != blocks.len() * BLOCK_BYTES {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.at += count(blocks.len());
        }
        Ok(())
    }
}
