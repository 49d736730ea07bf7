//! The Python scripts of `reference/`, which write the numbers under `golden/` that our tests trust.
//!
//! A script runs without arguments, finds `golden/` beside its own folder, and says in its header
//! which packages it needs: `pip install torch transformers && python reference/NAME.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, succeed};

mod compare;

/// A runnable file of `reference/`.
struct Script {
    /// Its name without `.py`.
    name: String,
    /// Its path from the root.
    path: String,
    /// The packages that its header tells pip to install.
    packages: Vec<String>,
}

/// Runs one script, or all; with `check`, in a copy of the repository whose results are compared.
///
/// # Errors
///
/// When no script has that name, when a script fails, or when what it writes is not what is
/// committed.
pub(crate) fn run(workspace: &Workspace, name: Option<&str>, check: bool) -> Result<()> {
    let mut scripts = scripts(workspace)?;
    let known: Vec<String> = scripts.iter().map(|script| script.name.clone()).collect();
    if let Some(name) = name {
        scripts.retain(|script| script.name == name);
        if scripts.is_empty() {
            bail!("no script `{name}` in reference/; there are: {}", known.join(", "));
        }
    }
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut n_skipped = 0;
    for script in &scripts {
        if let Some(reason) = missing_packages(&python, script) {
            println!("SKIPPED golden {}: {reason}", script.name);
            n_skipped += 1;
            continue;
        }
        println!("\n== golden {}", script.name);
        if check {
            check_script(workspace, &python, script)?;
        } else {
            succeed(workspace.command(&python).arg(&script.path))?;
        }
    }
    println!("golden: {} script(s) run, {n_skipped} skipped", scripts.len() - n_skipped);
    Ok(())
}

/// The files of `reference/` that are programs; a module that another imports has no main guard.
fn scripts(workspace: &Workspace) -> Result<Vec<Script>> {
    let mut scripts = Vec::new();
    for path in workspace.files()? {
        let name = path.strip_prefix("reference/").and_then(|file| file.strip_suffix(".py"));
        let Some(name) = name.filter(|name| !name.contains('/')).map(str::to_owned) else {
            continue;
        };
        let text = fs::read_to_string(workspace.root().join(&path))
            .with_context(|| format!("cannot read `{path}`"))?;
        if text.contains("__main__") {
            scripts.push(Script { name, packages: packages(&text), path });
        }
    }
    Ok(scripts)
}

/// The names after the first `pip install`, up to the end of the command or of the quotation.
fn packages(header: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let command = header.lines().find_map(|line| line.split_once("pip install "));
    let mut names = Vec::new();
    for word in command.map_or("", |(_, rest)| rest).split_whitespace() {
        let name: String = word.chars().take_while(|&c| is_part(c)).collect();
        let ends_here = word.contains(['`', '"', ',', ';', ')']);
        if name.is_empty() {
            break;
        }
        names.push(name);
        if ends_here {
            break;
        }
    }
    names
}

/// Why a script cannot run here, with the command that helps.
fn missing_packages(python: &str, script: &Script) -> Option<String> {
    let probe = "import sys, importlib.metadata as m\nfor n in sys.argv[1:]: m.distribution(n)";
    let mut command = Command::new(python);
    command.args(["-c", probe]).args(&script.packages);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let advice = format!("pip install {}", script.packages.join(" "));
    match command.status() {
        Ok(status) if status.success() => None,
        Ok(_) => Some(format!("`{python}` lacks a package; `{advice}`, or set PYTHON")),
        Err(error) => Some(format!("cannot start `{python}` ({error}); set PYTHON")),
    }
}

/// Runs a script in a copy of the repository and compares every file that it wrote.
fn check_script(workspace: &Workspace, python: &str, script: &Script) -> Result<()> {
    let copy = tempfile::tempdir().context("cannot make a temporary folder")?;
    for file in workspace.files()? {
        copy_old(&workspace.root().join(&file), &copy.path().join(&file))
            .with_context(|| format!("cannot copy `{file}`"))?;
    }
    let mut command = Command::new(python);
    command.current_dir(copy.path()).arg(&script.path).env("PYTHONDONTWRITEBYTECODE", "1");
    succeed(&mut command)?;

    let mut written = Vec::new();
    collect_new(copy.path(), &mut written)?;
    if written.is_empty() {
        bail!("`{}` wrote no file", script.path);
    }
    let mut differences = Vec::new();
    for path in &written {
        let relative = path.strip_prefix(copy.path()).unwrap_or(path);
        differences.extend(difference(&workspace.root().join(relative), path, relative)?);
    }
    for line in &differences {
        println!("{line}");
    }
    if !differences.is_empty() {
        bail!("`{}` writes {} file(s) other than committed", script.path, differences.len());
    }
    println!("{} file(s) equal the committed ones", written.len());
    Ok(())
}

/// Copies a file and dates it long ago, so that what a script writes is told by its date.
fn copy_old(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    fs::File::options().write(true).open(to)?.set_modified(SystemTime::UNIX_EPOCH)?;
    Ok(())
}

fn collect_new(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "__pycache__") {
                collect_new(&path, found)?;
            }
        } else if path.metadata()?.modified()? > SystemTime::UNIX_EPOCH {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

fn difference(committed: &Path, written: &Path, name: &Path) -> Result<Option<String>> {
    let name = name.display();
    if !committed.is_file() {
        return Ok(Some(format!("{name}: is written by the script and not committed")));
    }
    let expected = fs::read(committed).with_context(|| format!("cannot read the {name}"))?;
    let found = fs::read(written).with_context(|| format!("cannot read the new {name}"))?;
    let extension = written.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let difference = compare::difference(extension, &expected, &found);
    Ok(difference.map(|what| format!("{name}: {what}")))
}

#[cfg(test)]
mod tests;
