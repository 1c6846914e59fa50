//! Other people's clients, installed under the build directory by their own package managers, once.
//!
//! Each tool has a directory, a stamp file that says what was installed, and a lock file beside it, so test
//! threads and processes never install the same thing twice at once. A missing toolchain is no install error:
//! see [`toolchain`].

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python SDK all tests use, and the service's model that comes with it.
pub const BOTO3: &str = "boto3==1.44.8";

/// Says whether a toolchain can run at all. If not, says so on the real standard error, past the test
/// harness's capture; under `CI=true` its absence fails the test.
pub fn toolchain(test: &str, program: &str, version_flag: &str) -> bool {
    let probe = Command::new(program).arg(version_flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if probe.is_ok_and(|status| status.success()) {
        return true;
    }
    let notice = format!("\n*** NOT RUN: {test}: no `{program}` on this machine ***");
    assert!(env::var("CI").as_deref() != Ok("true"), "{notice}");
    super::say(&notice);
    false
}

/// A Python environment with one pinned package; answers its `bin` directory.
pub fn python(name: &str, requirement: &str) -> PathBuf {
    let directory = installed(name, requirement, |directory| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(directory));
        let pip = directory.join("bin/pip");
        run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", requirement]));
    });
    directory.join("bin")
}

/// The sources of a Python package as they are published, unpacked and not built; answers where they are.
pub fn python_sources(name: &str, requirement: &str) -> PathBuf {
    let directory = installed(name, requirement, |directory| {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory.join("venv")));
        let mut fetch = Command::new(directory.join("venv/bin/pip"));
        fetch.args([
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            ":all:",
        ]);
        run(fetch.arg("--dest").arg(directory).arg(requirement));
        let archive = files(directory, "gz").pop().expect("an archive came");
        run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(directory));
    });
    directory.join(requirement.replace("==", "-"))
}

/// The packages of a `package.json` with its lock file; answers the directory above `node_modules`.
pub fn npm(name: &str, sources: &Path) -> PathBuf {
    let files = ["package.json", "package-lock.json"];
    let stamp: String = files.iter().map(|file| read(&sources.join(file))).collect();
    installed(name, &stamp, |directory| {
        for file in files {
            fs::copy(sources.join(file), directory.join(file)).expect("package files can be copied");
        }
        run(Command::new("npm").args(["ci", "--silent", "--no-fund", "--no-audit"]).current_dir(directory));
    })
}

/// The scripts of a directory beside the packages they ask for; answers where they are.
pub fn javascript(name: &str, sources: &Path) -> PathBuf {
    let packages = npm(name, sources);
    let stamp: String = files(sources, "mjs").iter().map(|file| read(file)).collect();
    // Below `node_modules`' parent: there Node finds the packages.
    let scripts = format!("{name}/scripts");
    installed(&scripts, &(packages.display().to_string() + &stamp), |directory| {
        super::copy_directory(sources, directory);
    })
}

/// The jars of a `pom.xml`; answers the class path of all.
pub fn jars(name: &str, sources: &Path) -> String {
    let pom = sources.join("pom.xml");
    let directory = installed(&format!("{name}-jars"), &read(&pom), |directory| {
        let repository = format!("-Dmaven.repo.local={}", root().join("m2").display());
        let into = format!("-DoutputDirectory={}", directory.display());
        let goal = "dependency:copy-dependencies";
        // Two of them would write to the repository at once.
        let _alone = lock("m2");
        run(Command::new("mvn")
            .args(["--quiet", "--batch-mode", &repository, &into, goal, "--file"])
            .arg(&pom));
    });
    directory.join("*").display().to_string()
}

/// The jars of a `pom.xml` and the classes beside it, compiled against them; answers the class path.
pub fn java(name: &str, sources: &Path) -> String {
    let jars = jars(name, sources);
    let files = files(sources, "java");
    let stamp: String = [&sources.join("pom.xml")].into_iter().chain(&files).map(|file| read(file)).collect();
    let classes = installed(name, &stamp, |directory| {
        run(Command::new("javac").args(["-cp", &jars, "-d"]).arg(directory).args(&files));
    });
    format!("{}:{}:{jars}", classes.display(), sources.display())
}

/// The version at which a `pom.xml` asks for an artifact, itself or by a property.
pub fn pom_version(pom: &Path, artifact: &str) -> String {
    let text = read(pom);
    let within = |text: &str, tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0.to_owned())
    };
    let after = text.split_once(&format!("<artifactId>{artifact}</artifactId>")).map(|(_, after)| after);
    let version = after.and_then(|after| within(after, "version"));
    let version = version.unwrap_or_else(|| panic!("{}: no version of {artifact}", pom.display()));
    match version.strip_prefix("${").and_then(|it| it.strip_suffix('}')) {
        Some(property) => within(&text, property).expect("the property is set"),
        None => version,
    }
}

/// A Cargo package outside this workspace, built with its own lock file; answers where its binaries are.
pub fn cargo(name: &str, sources: &Path) -> PathBuf {
    let directory = root().join(name);
    let _lock = lock(name);
    // Cargo knows best what is fresh: no stamp.
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked"]).current_dir(sources).env("CARGO_TARGET_DIR", &directory);
    run(&mut build);
    directory.join("debug")
}

/// The commands of a Go module, built with its own sums; answers where its binaries are.
pub fn go_module(name: &str, sources: &Path) -> PathBuf {
    let directory = root().join(name);
    let _lock = lock(name);
    fs::create_dir_all(&directory).expect("a directory");
    // Go knows best what is fresh: no stamp.
    run(Command::new("go").args(["build", "-o"]).arg(&directory).arg("./cmd/...").current_dir(sources));
    directory
}

/// A Go program at a version, with the build tags it is built with; answers its binary.
pub fn go(name: &str, package: &str, tags: &str, program: &str) -> PathBuf {
    let directory = installed(name, &format!("{package} {tags}"), |directory| {
        run(Command::new("go").args(["install", "-tags", tags, package]).env("GOBIN", directory));
    });
    directory.join(program)
}

/// A program of a crate at a version, built by Cargo with the crate's own lock file.
pub fn cargo_program(name: &str, package: &str, version: &str) -> PathBuf {
    let directory = installed(name, &format!("{package} {version}"), |directory| {
        let mut install = Command::new(env!("CARGO"));
        install
            .args(["install", "--quiet", "--locked", package, "--version", version, "--root"])
            .arg(directory);
        run(install.env("CARGO_TARGET_DIR", directory.join("build")));
    });
    directory.join("bin").join(package)
}

/// A program of a Debian package, unpacked without being installed.
pub fn debian(name: &str, package: &str, program: &str) -> PathBuf {
    let directory = installed(name, package, |directory| {
        let fetch = || {
            let mut command = Command::new("apt-get");
            command.args(["download", "--quiet", package]).current_dir(directory);
            command
        };
        if !fetch().output().is_ok_and(|it| it.status.success()) {
            run(Command::new("apt-get").args(["update", "--quiet"]));
            run(&mut fetch());
        }
        let mut files = fs::read_dir(directory).expect("just made").flatten().map(|entry| entry.path());
        let archive =
            files.find(|path| path.extension().is_some_and(|it| it == "deb")).expect("a package came");
        run(Command::new("dpkg").arg("-x").arg(archive).arg(directory));
    });
    directory.join("usr/bin").join(program)
}

/// A browser that can be started.
pub struct Browser {
    /// Its program.
    pub program: PathBuf,
    /// What it needs to be told of where its parts lie.
    pub variables: Vec<(&'static str, String)>,
}

/// The machine's own Chromium, or else Debian's, unpacked together with whatever it needs that this machine
/// lacks; nothing is installed.
pub fn chromium(test: &str) -> Option<Browser> {
    let own = Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if own.is_ok_and(|status| status.success()) {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&path).map(|directory| directory.join("chromium"));
        return Some(Browser { program: places.find(|it| it.exists())?, variables: Vec::new() });
    }
    if !toolchain(test, "apt-get", "--version") {
        return None;
    }
    let packages = ["chromium", "fonts-liberation2", "fonts-dejavu-core"];
    let directory = installed("chromium", &packages.join(" "), |directory| unpack(directory, &packages));
    let libraries = directory.join("usr/lib").join(format!("{}-linux-gnu", env::consts::ARCH));
    let libraries = format!("{}:{}", libraries.display(), libraries.join("pulseaudio").display());
    let fonts = directory.join("fonts.conf").display().to_string();
    let variables = vec![("LD_LIBRARY_PATH", libraries), ("FONTCONFIG_FILE", fonts)];
    Some(Browser { program: directory.join("usr/lib/chromium/chromium"), variables })
}

/// Unpacks Debian packages with all they depend on that is not installed here.
fn unpack(directory: &Path, packages: &[&str]) {
    let plan = || {
        let mut command = Command::new("apt-get");
        command.args(["install", "--simulate", "--no-install-recommends"]).args(packages);
        let output = command.output().expect("apt-get was found");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let missing = text.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        (output.status.success(), missing.map(str::to_owned).collect::<Vec<_>>())
    };
    let (mut is_known, mut missing) = plan();
    if !is_known {
        run(Command::new("apt-get").args(["update", "--quiet"]));
        (is_known, missing) = plan();
    }
    assert!(is_known, "apt-get knows no way to have {packages:?}: its lists lack a package");
    run(Command::new("apt-get").args(["download", "--quiet"]).args(missing).current_dir(directory));
    for archive in files(directory, "deb") {
        run(Command::new("dpkg").arg("-x").arg(&archive).arg(directory));
        fs::remove_file(archive).expect("just unpacked");
    }
    let (here, shared) = (directory.display(), directory.join("usr/share/fonts"));
    let fonts = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig><dir>{}</dir>\
         <dir>/usr/share/fonts</dir><cachedir>{here}/font-cache</cachedir></fontconfig>\n",
        shared.display()
    );
    fs::write(directory.join("fonts.conf"), fonts).expect("a font configuration");
}

/// Where everything is installed: beside the build, gone with `cargo clean`.
pub fn root() -> PathBuf {
    let build =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the scratch directory lies in the build's");
    build.join("compat")
}

/// Installs into a directory of this name unless the same stamp is already there.
fn installed(name: &str, stamp: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let directory = root().join(name);
    let _lock = lock(name);
    let stamp_file = root().join(format!("{name}.stamp"));
    if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        return directory;
    }
    // What an interrupted install left would only confuse the next one.
    drop(fs::remove_file(&stamp_file));
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory).expect("an empty directory");
    install(&directory);
    fs::write(stamp_file, stamp).expect("the stamp can be written");
    directory
}

/// Held until dropped; other threads and processes wait.
pub fn lock(name: &str) -> File {
    let path = root().join(format!("{name}.lock"));
    fs::create_dir_all(path.parent().expect("below the root")).expect("the install root");
    let file = File::create(path).expect("a lock file");
    file.lock().expect("a lock can be waited for");
    file
}

/// A directory's own files of this extension, in the order of their names.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the sources");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == extension));
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}{complained}", output.status);
}

/// The load-test tool, beside the server: of the same build as the workspace's tests, so that what they have
/// built is not built again with other features.
pub fn loadtest() -> PathBuf {
    let _lock = lock("loadtest-build");
    let mut build = Command::new(env!("CARGO"));
    build.args(["test", "--quiet", "--workspace", "--no-run", "--test", "verdict"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    build
        .arg("--target-dir")
        .arg(root().parent().expect("the build's"))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    run(&mut build);
    Path::new(env!("CARGO_BIN_EXE_fanlight")).with_file_name("loadtest")
}
