//! What benches of the bare disk share: one operation, from its submission to its end.

use fanlight::platform::{Completion, Disk, Op, Token};

/// Does one operation and waits for it.
pub(crate) fn run(disk: &mut dyn Disk, op: Op) -> Completion {
    let mut out = Vec::new();
    disk.submit(Token(0), op);
    disk.kick();
    while out.is_empty() {
        disk.wait();
        disk.reap(&mut out);
    }
    out.remove(0)
}
