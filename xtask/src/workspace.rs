//! The workspace as cargo and git see it: root, target directory, packages, files; and how cargo is called.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand};

/// The cargo profile that tests, smoke and examples share, so that burn is compiled once.
pub(crate) const PROFILE: &str = "ci";

/// Where things are, and the resolved dependency graph.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// What `cargo metadata` says, with the resolved graph.
    pub(crate) metadata: Metadata,
    root: PathBuf,
}

impl Workspace {
    /// Asks cargo about the workspace that this program was built from.
    ///
    /// # Errors
    ///
    /// When `cargo metadata` fails: a manifest is broken or `Cargo.lock` is out of date and there
    /// is no network.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .exec()
            .context("`cargo metadata` failed; is every Cargo.toml valid?")?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        Ok(Self { metadata, root })
    }

    /// The repository's top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the shared profile puts its binaries; follows `CARGO_TARGET_DIR`.
    pub(crate) fn artefacts(&self) -> PathBuf {
        self.artefacts_of(PROFILE)
    }

    /// Where a profile puts its binaries.
    pub(crate) fn artefacts_of(&self, profile: &str) -> PathBuf {
        self.metadata.target_directory.as_std_path().join(profile)
    }

    /// The `hybrid` binary that [`Self::build`] makes.
    pub(crate) fn binary(&self) -> PathBuf {
        self.artefacts().join(format!("hybrid{EXE_SUFFIX}"))
    }

    /// A command that runs in the repository's top folder.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Runs cargo with `args` and lets it talk to the terminal.
    ///
    /// # Errors
    ///
    /// When cargo cannot be started or fails.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<()> {
        succeed(self.cargo_command().args(args))
    }

    /// The cargo that runs this program, or the one on the path.
    ///
    /// What `cargo run` says of this package stays behind: build scripts that read such variables would
    /// run again after every change between cargo by hand and here, and half of the workspace with them.
    pub(crate) fn cargo_command(&self) -> Command {
        let mut cargo = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let is_of_package = |name: &str| {
            name == "CARGO_MANIFEST_DIR"
                || name == "CARGO_MANIFEST_PATH"
                || name.starts_with("CARGO_PKG_")
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_of_package) {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// Builds every target of the workspace under [`PROFILE`].
    ///
    /// # Errors
    ///
    /// When something does not compile.
    pub(crate) fn build(&self, features: &Features) -> Result<()> {
        self.cargo(&features.args(&["build", "--workspace", "--all-targets", "--profile", PROFILE]))
    }

    /// Builds the benchmark of that name, of the same artefacts as [`Self::build`], and says where it is.
    ///
    /// # Errors
    ///
    /// When something does not compile, or when there is no such benchmark.
    pub(crate) fn bench_program(&self, name: &str, features: &Features) -> Result<PathBuf> {
        let base = ["build", "--workspace", "--bench", name, "--profile", PROFILE];
        let mut args = features.args(&base);
        args.push("--message-format=json-render-diagnostics".to_owned());
        let mut cargo = self.cargo_command();
        let output = cargo.args(&args).stderr(Stdio::inherit()).output();
        let output = output.context("cannot start cargo")?;
        if !output.status.success() {
            bail!("`cargo {}` ended with {}", args.join(" "), output.status);
        }
        for message in Message::parse_stream(output.stdout.as_slice()) {
            if let Message::CompilerArtifact(artifact) = message.context("cargo's messages")?
                && artifact.target.is_bench()
                && artifact.target.name == name
                && let Some(program) = artifact.executable
            {
                return Ok(program.into_std_path_buf());
            }
        }
        bail!("no benchmark is called `{name}`");
    }

    /// Files under version control or about to be: tracked, and untracked but not ignored.
    ///
    /// Paths are relative to the root, with `/`, sorted.
    ///
    /// # Errors
    ///
    /// When git is missing or this is no git checkout.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut git = self.command("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.output().context("cannot start `git`; the file checks need it")?;
        if !output.status.success() {
            bail!("`git ls-files` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files: Vec<String> = listing
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// The one set of features with which every cargo call of a task compiles.
///
/// A second set would compile burn a second time, which costs many minutes.
#[derive(Debug, Default)]
pub(crate) struct Features {
    backend: Option<String>,
}

impl Features {
    /// The default features, and those of `backend` if one is named.
    pub(crate) fn with_backend(backend: Option<&str>) -> Self {
        Self { backend: backend.map(str::to_owned) }
    }

    /// The cargo arguments `base`, followed by the feature selection.
    pub(crate) fn args(&self, base: &[&str]) -> Vec<String> {
        let mut args: Vec<String> = base.iter().map(|&arg| arg.to_owned()).collect();
        if let Some(backend) = &self.backend {
            args.extend(["--features".to_owned(), format!("hybrid-cli/{backend}")]);
        }
        args
    }
}

/// Runs a command to its end, with its output on the terminal.
///
/// # Errors
///
/// When it cannot be started, or ends with another status than 0.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let program = program(command);
    let status = command.status().with_context(|| format!("cannot start `{program}`"))?;
    check(command, status)
}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with status 0.
    Well,
    /// It was stopped.
    OutOfTime,
}

/// As [`succeed`], but at `deadline` the command is stopped, with whatever it has started.
///
/// It gets a process group of its own, so an interrupt from the terminal does not reach it.
///
/// # Errors
///
/// When it cannot be started, or ends with another status than 0.
pub(crate) fn run_until(command: &mut Command, deadline: Instant) -> Result<Ended> {
    const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let program = program(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{program}`"))?;
    loop {
        let status = child.try_wait().with_context(|| format!("cannot wait for `{program}`"))?;
        if let Some(status) = status {
            return check(command, status).map(|()| Ended::Well);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            stop(&mut child).with_context(|| format!("cannot stop `{program}`"))?;
            return Ok(Ended::OutOfTime);
        }
        std::thread::sleep(left.min(BETWEEN_LOOKS));
    }
}

/// Ends a child that leads its process group, and the whole group.
fn stop(child: &mut Child) -> std::io::Result<()> {
    // `kill` is a builtin of every shell.
    #[cfg(unix)]
    Command::new("sh").args(["-c", &format!("kill -KILL -{}", child.id())]).status()?;
    #[cfg(not(unix))]
    child.kill()?;
    child.wait().map(|_| ())
}

fn program(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    program.to_string_lossy().into_owned()
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        bail!("`{} {}` ended with {status}", program(command), args.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
