//! What the dependency graph must hold: arrows, burn-free crates, pinned versions, inherited lints.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

use super::Finding;
use crate::arrows::{self, Edge, Section};

#[cfg(test)]
mod tests;

/// The page that shows the table of arrows to people.
const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// Checks the workspace's graph; `text_of` gives a tracked file's text by its path.
///
/// # Errors
///
/// When the metadata hold no resolved graph.
pub(super) fn check<'a>(
    metadata: &Metadata,
    text_of: &impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<Finding>> {
    let packages = metadata.workspace_packages();
    let names: Vec<&str> = packages.iter().map(|p| arrows::short_name(&p.name)).collect();

    let mut messages = arrows::unknown_crates(names.iter().copied());
    messages.extend(arrows::violations(&edges(&packages)));
    messages.extend(burn_paths(metadata)?);
    let mut findings: Vec<Finding> =
        messages.into_iter().map(|message| Finding::file("Cargo.toml", message)).collect();

    for package in &packages {
        let manifest = manifest_path(metadata, package);
        findings.extend(unpinned(&manifest, package));
        findings.extend(foreign_lints(&manifest, text_of(&manifest).unwrap_or_default()));
    }
    findings.extend(stale_table(text_of(ARCHITECTURE).unwrap_or_default()));
    if text_of("Cargo.lock").is_none() {
        findings.push(Finding::file("Cargo.lock", "is not committed; the lock file is part of it"));
    }
    Ok(findings)
}

fn manifest_path(metadata: &Metadata, package: &Package) -> String {
    let path = &package.manifest_path;
    path.strip_prefix(&metadata.workspace_root).unwrap_or(path).as_str().replace('\\', "/")
}

/// The dependencies between crates of the workspace, as their manifests name them.
fn edges(packages: &[&Package]) -> Vec<Edge> {
    let is_ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut edges = Vec::new();
    for package in packages {
        for dependency in package.dependencies.iter().filter(|d| is_ours(&d.name)) {
            let section = match dependency.kind {
                DependencyKind::Development => Section::Dev,
                _ => Section::Normal { optional: dependency.optional },
            };
            edges.push(Edge {
                from: arrows::short_name(&package.name).to_owned(),
                to: arrows::short_name(&dependency.name).to_owned(),
                section,
            });
        }
    }
    edges
}

/// One sentence, with the whole chain, for each burn-free crate that reaches burn.
fn burn_paths(metadata: &Metadata) -> Result<Vec<String>> {
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let graph = normal_graph(metadata)?;
    let is_burn = |id: &str| {
        let name = names.iter().find(|(known, _)| known.repr == id).map_or("", |(_, name)| name);
        name == "burn" || name.starts_with("burn-")
    };
    let mut messages = Vec::new();
    for package in metadata.workspace_packages() {
        let short = arrows::short_name(&package.name);
        if !arrows::BURN_FREE.contains(&short) {
            continue;
        }
        if let Some(path) = arrows::path_to(&graph, &package.id.repr, is_burn) {
            let chain: Vec<&str> = path
                .iter()
                .map(|id| names.iter().find(|(known, _)| known.repr == *id).map_or("?", |n| n.1))
                .collect();
            messages.push(format!("`{short}` must work without burn: {}", chain.join(" → ")));
        }
    }
    Ok(messages)
}

/// Package id to the ids of its resolved normal and build dependencies.
fn normal_graph(metadata: &Metadata) -> Result<BTreeMap<String, Vec<String>>> {
    let resolve = metadata.resolve.as_ref().context("`cargo metadata` gave no resolved graph")?;
    let ours = |id: &PackageId| {
        let package = metadata.packages.iter().find(|package| package.id == *id);
        package.map_or("", |package| arrows::short_name(&package.name))
    };
    let mut graph = BTreeMap::new();
    for node in &resolve.nodes {
        let next = node.deps.iter().filter(|dep| {
            let normal = dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development);
            normal && !arrows::is_only_optional(ours(&node.id), ours(&dep.pkg))
        });
        graph.insert(node.id.repr.clone(), next.map(|dep| dep.pkg.repr.clone()).collect());
    }
    Ok(graph)
}

/// burn moves fast and pre-releases break: each `burn*` named directly is pinned with `=`.
fn unpinned(manifest: &str, package: &Package) -> Vec<Finding> {
    let requirements = package.dependencies.iter().map(|d| (d.name.as_str(), d.req.to_string()));
    requirements
        .filter(|(name, requirement)| !is_pinned(name, requirement))
        .map(|(name, req)| {
            Finding::file(manifest, format!("`{name} = \"{req}\"` is not exact; write `=x.y.z`"))
        })
        .collect()
}

fn is_pinned(name: &str, requirement: &str) -> bool {
    let is_burn = name == "burn" || name.starts_with("burn-");
    !is_burn || requirement.starts_with('=')
}

/// A crate that does not inherit the workspace's lints escapes all of them.
fn foreign_lints(manifest: &str, text: &str) -> Option<Finding> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    let inherits = lines
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.replace(' ', "") == "workspace=true");
    let advice = "does not inherit the workspace's lints; add `[lints]` with `workspace = true`";
    (!inherits).then(|| Finding::file(manifest, advice))
}

/// The page and the table must say the same.
fn stale_table(page: &str) -> Option<Finding> {
    let table = arrows::markdown();
    let missing = table.lines().find(|row| !page.lines().any(|line| line == *row))?;
    let message = format!(
        "its table of arrows differs from ALLOWED in xtask/src/arrows.rs; this row is missing: \
         {missing}"
    );
    Some(Finding::file(ARCHITECTURE, message))
}
