//! Completions and manual pages, made from the flags when they are asked for, so that they cannot lag behind.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use fanlight::config::Cli;

const NAME: &str = "fanlight";

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    exit_of("print the completions", io::stdout().write_all(&script))
}

/// Prints the manual page, or writes those of all verbs into a directory.
pub(crate) fn man(out: Option<&Path>) -> ExitCode {
    // `help` is no verb anybody reads about.
    let command = Cli::command().disable_help_subcommand(true);
    match out {
        None => exit_of("print the manual page", Man::new(command).render(&mut io::stdout())),
        Some(dir) => {
            let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir));
            exit_of(&format!("write manual pages into {}", dir.display()), written)
        }
    }
}

/// Who reads only the first lines has not met an error.
fn exit_of(what: &str, outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("fanlight: cannot {what}: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
