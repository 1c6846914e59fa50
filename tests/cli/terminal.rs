//! A terminal for programs that want one: a pseudoterminal, and the screen that what they write makes.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::process::Process;
use crate::support::{PATIENCE, wait_for};

const ROWS: u16 = 30;
const COLUMNS: u16 = 150;

/// A program on a terminal of its own.
pub(crate) struct Terminal {
    process: Process,
    keyboard: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts the program.
    pub(crate) fn start(command: &mut Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudoterminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a pseudoterminal of our own");
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("text");
        let end = || File::options().read(true).write(true).open(&name).expect("the terminal's other end");
        command.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        let process = Process::start(command);
        let keyboard = File::from(master);
        let mut output = keyboard.try_clone().expect("a second handle");
        let [rows, columns] = [ROWS, COLUMNS].map(|size| NonZeroU16::new(size).expect("a size"));
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Reading fails once nobody is at the other end.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("no holder panics").process(&bytes[..count]);
            }
        });
        Terminal { process, keyboard, screen }
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen.lock().expect("no holder panics").screen().contents()
    }

    /// Whether the program has taken the screen for itself.
    pub(crate) fn is_taken(&self) -> bool {
        self.screen.lock().expect("no holder panics").screen().alternate_screen()
    }

    /// Waits until the screen is as wanted.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let shown = || is_so(&self.text()).then_some(());
        if crate::support::within(PATIENCE, shown).is_none() {
            panic!("no {what} on the screen:\n{}", self.text());
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a keyboard");
    }

    /// Waits for the program's end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        wait_for("the program's end", || self.process.wait(std::time::Duration::from_millis(5)))
    }
}
