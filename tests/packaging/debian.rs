//! The Debian package: what `Cargo.toml` says goes into it is there. With `FANLIGHT_PACKAGES=1` it is
//! built, judged by lintian, installed into a directory of its own, and the binary in there started.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::tools;
use crate::{builds_packages, ok, path, read, scratch};

const CARGO_DEB: &str = "3.8.0";

fn metadata() -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"]);
    let output = command.current_dir(path("")).output().expect("cargo runs");
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = all["packages"].as_array().expect("packages");
    let ours = packages.iter().find(|it| it["name"] == "fanlight").expect("our package");
    ours["metadata"]["deb"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[test]
fn is_everything_there_that_goes_into_the_package() {
    let deb = metadata();
    let assets = deb["assets"].as_array().expect("assets");
    for asset in assets.iter().map(|it| text(&it[0])).filter(|it| !it.starts_with("target/release/")) {
        assert!(path(asset).is_file(), "{asset}");
    }
    for file in [&deb["changelog"], &deb["license-file"][0]] {
        assert!(path(text(file)).is_file(), "{file}");
    }
    let installed_as = |asset: &Value| {
        let (from, to) = (text(&asset[0]), text(&asset[1]));
        format!("/{to}{}", if to.ends_with('/') { from.rsplit('/').next().unwrap_or(from) } else { "" })
    };
    let installed: Vec<_> = assets.iter().map(installed_as).collect();
    let unit = format!(
        "{}/{}.service",
        text(&deb["systemd-units"]["unit-scripts"]),
        text(&deb["systemd-units"]["unit-name"])
    );
    let unit = read(&unit);
    for file in deb["conf-files"].as_array().expect("files").iter().map(text) {
        assert!(installed.iter().any(|it| it == file), "{file} is not installed");
        assert!(unit.contains(&format!("EnvironmentFile=-{file}\n")), "{file} is not read");
    }
    for file in ["/usr/bin/fanlight", "/usr/share/doc/fanlight/operating.md"] {
        assert!(unit.contains(file) && installed.iter().any(|it| it == file), "{file}");
    }
    let changelog = read(text(&deb["changelog"]));
    assert!(changelog.starts_with(&format!("fanlight ({}-1) ", env!("CARGO_PKG_VERSION"))), "{changelog}");
}

#[test]
fn can_the_package_be_built_and_installed() {
    if !builds_packages() {
        return;
    }
    for (program, flag) in [("lintian", "--version"), ("dpkg", "--version"), ("fakeroot", "--version")] {
        if !tools::toolchain("the Debian package", program, flag) {
            return;
        }
    }
    let scratch = scratch();
    build(scratch.path());
    let package = fs::read_dir(&scratch).expect("a directory").flatten().map(|it| it.path());
    let package =
        package.into_iter().find(|it| it.extension().is_some_and(|it| it == "deb")).expect("a package");
    let mut lintian = Command::new("lintian");
    let remarks =
        ok(lintian.args(["--fail-on", "error", "--tag-display-limit", "0", "--allow-root"]).arg(&package));
    let remarks: Vec<_> = remarks.lines().filter(|it| it.starts_with(['E', 'W'])).collect();
    assert_eq!(remarks, Vec::<&str>::new());
    let root = scratch.path().join("root");
    install(&package, &root);
    let version = ok(Command::new(root.join("usr/bin/fanlight")).arg("--version"));
    assert_eq!(version, format!("fanlight {}\n", env!("CARGO_PKG_VERSION")));
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/fanlight.service")).expect("the unit");
    assert_eq!(unit, read("docs/deploy/fanlight.service"));
    for file in ["man/man1/fanlight-serve.1.gz", "bash-completion/completions/fanlight"] {
        assert!(root.join("usr/share").join(file).is_file(), "{file}");
    }
}

fn build(into: &Path) {
    let program = tools::cargo_program("cargo-deb", "cargo-deb", CARGO_DEB);
    let target = tools::root().join("release");
    let release = target.join("release");
    let mut build = Command::new(env!("CARGO"));
    ok(build.args(["build", "--release", "--locked"]).current_dir(path("")).env("CARGO_TARGET_DIR", &target));
    let fanlight = || Command::new(release.join("fanlight"));
    ok(fanlight().args(["man", "--out"]).arg(release.join("man")));
    let completions = ok(fanlight().args(["completions", "bash"]));
    fs::create_dir_all(release.join("completions")).expect("a directory");
    fs::write(release.join("completions/fanlight"), completions).expect("a file");
    let mut command = Command::new(program);
    command.args(["--no-build", "--dbgsym", "--output"]).arg(into).current_dir(path(""));
    ok(command.env("CARGO_TARGET_DIR", &target));
}

/// By dpkg itself, into a system with nothing else in it, but for the scripts that enable and start the
/// service: on a machine with systemd they would talk to its own.
fn install(package: &Path, root: &Path) {
    for directory in ["updates", "info", "triggers"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(directory)).expect("a directory");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("a file");
    let mut dpkg = Command::new("fakeroot");
    dpkg.arg("dpkg").arg(format!("--root={}", root.display()));
    ok(dpkg.args(["--force-not-root", "--force-depends", "--unpack"]).arg(package));
}
