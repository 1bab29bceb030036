//! The packages of the workspace and its dependencies, from `cargo metadata`.
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::Failure;

/// A dependency of one of our crates on another of our crates.
#[derive(Debug, Clone)]
pub(super) struct OwnDependency {
    /// Name of the package depended upon.
    pub name: String,
    /// Whether it is used by tests, benches and examples only.
    pub dev: bool,
}

/// One crate of the workspace.
#[derive(Debug, Clone)]
pub(super) struct OwnCrate {
    /// Package name.
    pub name: String,
    /// Folder relative to the workspace root.
    pub folder: String,
    /// Line of each mention in the manifest is looked up in this text.
    pub manifest: String,
    /// Dependencies on other crates of the workspace.
    pub dependencies: Vec<OwnDependency>,
}

/// One package from outside.
#[derive(Debug, Clone)]
pub(super) struct OutsidePackage {
    /// Package name.
    pub name: String,
    /// Version as written, e.g. `0.4.4`.
    pub version: String,
    /// SPDX expression, when stated.
    pub licence: Option<String>,
}

/// All packages of the build.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// Crates of the workspace.
    pub own: Vec<OwnCrate>,
    /// Everything else.
    pub outside: Vec<OutsidePackage>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl OwnCrate {
    /// Path of the manifest relative to the root.
    pub(super) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// The line of the manifest that names `dependency`, or 1.
    pub(super) fn line_of(&self, dependency: &str) -> usize {
        let names = |line: &str| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        self.manifest
            .lines()
            .position(names)
            .map_or(1, |index| index + 1)
    }
}

impl Packages {
    /// Asks cargo, without touching the lock file or the network beyond what it needs.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            return Err(format!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
        Self::from_metadata(metadata, root)
    }

    fn from_metadata(metadata: Metadata, root: &Path) -> Result<Self, Failure> {
        let member = |id: &String| metadata.workspace_members.contains(id);
        let own_names: Vec<String> = metadata
            .packages
            .iter()
            .filter(|package| member(&package.id))
            .map(|p| p.name.clone())
            .collect();
        let mut packages = Self::default();
        for package in metadata.packages {
            if metadata.workspace_members.contains(&package.id) {
                packages.own.push(own_crate(package, &own_names, root)?);
            } else {
                let Package {
                    name,
                    version,
                    license,
                    ..
                } = package;
                packages.outside.push(OutsidePackage {
                    name,
                    version,
                    licence: license,
                });
            }
        }
        Ok(packages)
    }
}

fn own_crate(package: Package, own_names: &[String], root: &Path) -> Result<OwnCrate, Failure> {
    let manifest_path = Path::new(&package.manifest_path);
    let folder = manifest_path
        .parent()
        .and_then(|folder| folder.strip_prefix(root).ok())
        .ok_or_else(|| format!("{} lies outside the workspace", package.manifest_path))?;
    let own = |dependency: &Dependency| own_names.contains(&dependency.name);
    let dependencies = package
        .dependencies
        .into_iter()
        .filter(own)
        .map(|dependency| OwnDependency {
            name: dependency.name,
            dev: dependency.kind.as_deref() == Some("dev"),
        })
        .collect();
    Ok(OwnCrate {
        name: package.name,
        folder: folder.to_string_lossy().replace('\\', "/"),
        manifest: std::fs::read_to_string(manifest_path)?,
        dependencies,
    })
}
