//! What the packages set exists: every `FANLIGHT_*` variable in them is that of a flag, and the example of
//! settings says the defaults.

use clap::CommandFactory;
use fanlight::config::{Cli, Config};

use crate::read;

const FILES: [&str; 4] = [
    "Dockerfile",
    "docs/deploy/fanlight.service",
    "docs/deploy/fanlight.env",
    "docs/deploy/kubernetes/statefulset.yaml",
];
/// Examples that are no defaults: there is none.
const WITHOUT_DEFAULT: [&str; 1] = ["FANLIGHT_DATA_MAX_BYTES"];
/// Chooses log lines; not ours.
const OF_LOGGING: &str = "RUST_LOG";

/// Each variable of `serve`, with its default.
fn known() -> Vec<(String, Option<String>)> {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").expect("the command that runs the server");
    let known = serve.get_arguments().filter_map(|arg| {
        let default = arg.get_default_values().first().and_then(|it| it.to_str()).map(str::to_owned);
        Some((arg.get_env()?.to_str()?.to_owned(), default))
    });
    known.collect()
}

fn variables(text: &str) -> Vec<&str> {
    let is_part = |character: char| character.is_ascii_uppercase() || character == '_';
    text.split(|character| !is_part(character))
        .filter(|it| it.starts_with("FANLIGHT_") && it.len() > 9)
        .collect()
}

#[test]
fn does_every_setting_exist() {
    let known = known();
    for file in FILES {
        let text = read(file);
        let named = variables(&text);
        assert!(!named.is_empty(), "{file}");
        for name in named {
            assert!(known.iter().any(|(it, _)| it == name), "{file}: {name}");
        }
    }
    assert_eq!(variables("a FANLIGHT_A_B=c, FANLIGHT_*"), ["FANLIGHT_A_B"]);
}

#[test]
fn does_the_example_say_the_defaults() {
    let (known, example) = (known(), read("docs/deploy/fanlight.env"));
    let lines =
        example.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with(' '));
    let settings: Vec<_> = lines.filter_map(|line| line.split_once('=')).collect();
    assert!(settings.len() > 8, "{settings:?}");
    let of_server =
        settings.into_iter().filter(|(name, _)| *name != OF_LOGGING && !WITHOUT_DEFAULT.contains(name));
    for (name, value) in of_server {
        let default = known.iter().find(|(it, _)| it == name).and_then(|(_, default)| default.as_deref());
        assert_eq!(default, Some(value), "{name}");
    }
    assert_eq!(Config::without_flags().problems(), Vec::<String>::new());
}
